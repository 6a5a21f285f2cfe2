"""Patterns of text fields, for the document, and what they ask for in words, for errors."""

import re

ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
EMAIL = r"^([^@\s\x00]+@[^@\s\x00]+)?$"
ONE_EMAIL = r"^[^@\s\x00<>,;:]+@[^@\s\x00<>,;:]+$"
NO_NUL = r"^[^\x00]*$"
# A counter of admission is exact to 9.0 million USD.
USD = r"^\d{1,7}(\.\d{1,9})?$"
DISCOUNT = r"^(\d{1,2}(\.\d{1,12})?)?$"
REGION = r"^[a-z0-9-]{0,64}$"
PROJECT = r"^[a-z0-9:.-]{0,100}$"
API_VERSION = r"^(preview|latest|\d{4}-\d{2}-\d{2}(-preview)?)?$"
EXPORT = "^[A-Za-z0-9_-]{8,64}$"
REGION_NAMED = "^[a-z0-9][a-z0-9-]*$"
HEADER = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
HEADER_NAME = re.compile(HEADER)

_WORDS = {
    ULID: "must be an id as an answer of this API gave it, 26 digits and capital letters",
    EMAIL: "must be an email address, e.g. alice@example.com, or empty",
    ONE_EMAIL: "must be an email address alone, e.g. alice@example.com",
    NO_NUL: "must not contain the character NUL",
    USD: 'must be USD below 10 million with at most 9 decimal places, such as "250" or "0.50"',
    REGION: "must be a region's name in small letters, digits and dashes, such as eu-west-1",
    PROJECT: "must be the id of a Google Cloud project, such as my-project-1",
    API_VERSION: "must be a dated version such as 2024-10-21, `preview`, or empty for the v1 API",
    EXPORT: "must be 8 to 64 letters, digits, dashes and underscores",
    HEADER: "must be the name of a header, such as x-tier",
    REGION_NAMED: "must be lower-case letters, digits and dashes, such as eu or us-east-1",
    DISCOUNT: 'must be a decimal with at most 12 places, such as "0.15" for 15 % off',
}


def words_for(pattern: str) -> str:
    """What text must be to match a pattern of this file, or the pattern itself."""
    return _WORDS.get(pattern, f"must match {pattern}")
