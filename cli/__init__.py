"""relayctl: the command line of Relay."""
