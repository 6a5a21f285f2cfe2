"""What an operator asks first, asked of the stores themselves."""
