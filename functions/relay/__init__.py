"""relay: the data plane."""
