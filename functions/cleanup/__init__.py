"""cleanup: what is due by time, fired by PingSources."""
