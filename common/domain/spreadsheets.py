"""Text in tables that spreadsheets open. Pure."""

import re

# In full width too, as East Asian spreadsheets have it.
_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# What a spreadsheet runs as a formula when a cell begins with it.
FORMULA_STARTS = (*_SIGNS, "\t", "\r", "\n")
# Where semicolons or tabs part the cells of a CSV (in Europe), one begins after each of them, too.
_BEGINS = re.compile(
    rf"\A(?=[{re.escape(''.join(FORMULA_STARTS))}])"
    rf'|(?<=[;\t\r\n])(?="?[{re.escape("".join(_SIGNS))}])'
)


def no_formula(text: str) -> str:
    """The text as a spreadsheet shows it: before what it would run there is an apostrophe."""
    return _BEGINS.sub("'", text)
