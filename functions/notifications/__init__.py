"""notifications: events into messages to people."""
