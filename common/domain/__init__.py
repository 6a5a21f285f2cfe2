"""Pure rules and value types: no input or output, no clock, no random, no environment."""
