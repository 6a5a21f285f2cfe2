"""What is wrong with the fields of a policy. Pure."""

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field: its path, and how to put it right."""

    field: str
    message: str
