"""Sending notices to channels: a signed webhook by ourselves, all others by apprise."""
