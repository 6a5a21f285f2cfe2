"""msgspec without typing_extensions, which Python 3.11 and later make needless to it.

It prefers that module where it is installed (pydantic brings it), at 3 ms of 140 of every cold
start. Imported before anything imports msgspec; whoever else wants the module gets it.
"""

import sys

_hides = not {"typing_extensions", "msgspec"} & set(sys.modules)
if _hides:
    sys.modules["typing_extensions"] = None  # type: ignore[assignment] # None: "is not there"
try:
    import msgspec as msgspec  # noqa: PLC0414 - for its effect
finally:
    if _hides:
        del sys.modules["typing_extensions"]
