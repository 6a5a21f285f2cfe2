"""Patterns of text fields, for the document, and what they ask for in words, for errors."""

ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
EMAIL = r"^([^@\s\x00]+@[^@\s\x00]+)?$"
NO_NUL = r"^[^\x00]*$"

_WORDS = {
    ULID: "must be an id as an answer of this API gave it, 26 digits and capital letters",
    EMAIL: "must be an email address, e.g. alice@example.com, or empty",
    NO_NUL: "must not contain the character NUL",
}


def words_for(pattern: str) -> str:
    """What text must be to match a pattern of this file, or the pattern itself."""
    return _WORDS.get(pattern, f"must match {pattern}")
