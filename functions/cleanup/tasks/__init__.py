"""One file a task: `run` does what is due and returns what it did, by name, for the log.

Each may run twice, at once and after a death in its middle; stops when its turn is over; and in a
dry run only counts.
"""
