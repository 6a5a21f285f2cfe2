"""What the functions share: pure rules, adapters, and the entry that serves them."""
