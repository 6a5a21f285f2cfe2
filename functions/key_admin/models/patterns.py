"""Patterns of text fields, for the document, and what they ask for in words, for errors."""

ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
EMAIL = r"^([^@\s\x00]+@[^@\s\x00]+)?$"
NO_NUL = r"^[^\x00]*$"
# A counter of admission is exact to 9.0 million USD.
USD = r"^\d{1,7}(\.\d{1,9})?$"
DISCOUNT = r"^(\d{1,2}(\.\d{1,12})?)?$"
REGION = "^[a-z0-9][a-z0-9-]*$"
HEADER = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"

_WORDS = {
    ULID: "must be an id as an answer of this API gave it, 26 digits and capital letters",
    EMAIL: "must be an email address, e.g. alice@example.com, or empty",
    NO_NUL: "must not contain the character NUL",
    USD: 'must be USD below 10 million with at most 9 decimal places, such as "250" or "0.50"',
    HEADER: "must be the name of a header, such as x-tier",
    REGION: "must be lower-case letters, digits and dashes, such as eu or us-east-1",
    DISCOUNT: 'must be a decimal with at most 12 places, such as "0.15" for 15 % off',
}


def words_for(pattern: str) -> str:
    """What text must be to match a pattern of this file, or the pattern itself."""
    return _WORDS.get(pattern, f"must match {pattern}")
