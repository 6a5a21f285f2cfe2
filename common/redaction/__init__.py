"""What must not reach a provider: found, replaced, put back. Pure rules, no input or output."""
