"""What a person is told when the local stack cannot start."""


class CannotStart(Exception):
    """The local stack cannot start; the text is a sentence that says what to do."""
