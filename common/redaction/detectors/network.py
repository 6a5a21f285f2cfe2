"""IP addresses (both versions) and MAC addresses."""

import ipaddress
import re

from common.redaction.detectors.base import LIKELY, SURE, UNSURE, PatternDetector, always
from common.redaction.entities import IP_ADDRESS, MAC_ADDRESS

_IPV4 = r"[0-9](?<![\w.-][0-9])\d{0,2}(?:\.\d{1,3}){3}(?![\w-]|\.\d)"
_IPV6 = (
    r"[0-9A-Fa-f:](?<![\w:.][0-9A-Fa-f:])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{0,37}"
    r"(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?"
)
_MAC = (
    r"[0-9A-Fa-f](?<![\w:-][0-9A-Fa-f])[0-9A-Fa-f]"
    r"(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:\.[0-9A-Fa-f]{4}){2})"
    r"(?![\w]|[:-][0-9A-Fa-f])"
)
# Four numbers are a version as often as an address where such a word stands before.
_VERSION = re.compile(
    r"(?:\bv|version|release|build|upgrad\w*|firmware|driver|section|chapter|clause)\W{0,2}"
    r"(?:to |from )?\Z",
    re.IGNORECASE,
)


def ip_detectors() -> tuple[PatternDetector, PatternDetector]:
    """Version 4, version 6."""
    return (
        PatternDetector(IP_ADDRESS, _IPV4, _judge_v4),
        PatternDetector(IP_ADDRESS, _IPV6 + r"(?![\w:])", _judge_v6),
    )


def mac_detector() -> PatternDetector:
    """Six octets with colons or hyphens, or three groups with points."""
    return PatternDetector(MAC_ADDRESS, _MAC, always(SURE))


def _judge_v4(text: str, match: "re.Match[str]") -> float | None:
    try:
        address = ipaddress.IPv4Address(match.group())
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified:
        return UNSURE  # every machine has it
    before = text[max(0, match.start() - 24) : match.start()]
    return UNSURE if _VERSION.search(before) else SURE


def _judge_v6(_text: str, match: "re.Match[str]") -> float | None:
    written = match.group()
    if written.count(":") < 2:
        return None
    try:
        address = ipaddress.IPv6Address(written)
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified:
        return UNSURE
    # `a::b` is C++ or Ruby as well.
    return LIKELY if sum(map(str.isdigit, written)) and len(written) > 5 else UNSURE
