"""Whether this process has been told to stop, for whoever waits in it for something to begin.

What is under way is finished; what has not begun is refused, so that another process may begin it.
"""

_begun = False


def begin() -> None:
    """The process was told to stop."""
    global _begun  # noqa: PLW0603 - one process, one end
    _begun = True


def has_begun() -> bool:
    """Whether it was."""
    return _begun
