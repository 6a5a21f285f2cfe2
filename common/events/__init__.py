"""CloudEvents 1.0: the names and shapes of our events, how they are sent and how received."""
