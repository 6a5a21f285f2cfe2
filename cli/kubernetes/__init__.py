"""What relayctl does in a cluster: the Secrets of a release."""
