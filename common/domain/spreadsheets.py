"""Text in tables that spreadsheets open. Pure."""

# What a spreadsheet runs as a formula when a cell of a CSV begins with it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def no_formula(text: str) -> str:
    """The text as a spreadsheet shows it: what it would run gets an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
