"""ISO 8601 durations as Knative's delivery takes them: PT0.2S, PT1M30S, P1DT2H."""

import re

_DURATION = re.compile(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?\Z",
    re.ASCII,
)
_SECONDS = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0}


def duration_s(text: str) -> float:
    """Seconds. Raises `ValueError`. Years, months and weeks have no use here and are refused."""
    match = _DURATION.match(text)
    if match is None or not any(match.groupdict().values()):
        raise ValueError(f"{text!r} is no ISO 8601 duration of days or less, e.g. PT0.5S or PT1M")
    return sum(_SECONDS[unit] * float(part) for unit, part in match.groupdict().items() if part)
