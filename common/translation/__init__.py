"""Any dialect to any provider: both sides are read into, and written from, one conversation."""
