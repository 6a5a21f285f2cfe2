"""Logos that administrators give: which are taken, and as what they are sent. Pure.

What a browser would run is refused here, and sent under a policy that runs nothing all the same.
"""

import re
from typing import Literal, NamedTuple
from xml.parsers import expat

MediaType = Literal["image/png", "image/webp", "image/svg+xml"]
LOGO_BYTES_MAX = 64 * 1024
SIDE_PIXELS_MAX = 2048
# SVG elements that draw. What is not here would run, load or animate, or is not of a logo.
_SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = frozenset(
    (
        *("svg", "g", "defs", "symbol", "use", "title", "desc", "metadata", "path", "rect"),
        *("circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath"),
        *("linearGradient", "radialGradient", "stop", "pattern", "clipPath", "mask"),
        *("marker", "style", "filter", "switch", "feBlend", "feColorMatrix"),
        *("feComponentTransfer", "feComposite", "feDropShadow", "feFlood", "feFuncA"),
        *("feFuncB", "feFuncG", "feFuncR", "feGaussianBlur", "feMerge", "feMergeNode"),
        *("feMorphology", "feOffset", "feTile", "feTurbulence"),
    )
)
# Languages that browsers draw inside of SVG.
_DRAWN_TOO = ("", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML")
_REFERENCES = ("href", "src")
_ENCODING = re.compile(rb"""^<\?xml[^>]*\bencoding\s*=\s*["']([^"']*)""")
# Blanks are looked for twice only where a quote parts them: else many would take quadratic time.
_OUTSIDE = re.compile(r"@import|url\((?!\s*(?:[\"']\s*)?#)|expression\(|javascript:", re.IGNORECASE)


class Logo(NamedTuple):
    """A picture and what it is."""

    media_type: str
    content: bytes


def checked_logo(content: bytes) -> Logo:
    """The logo. Raises `ValueError` with what it must be."""
    if not content:
        raise ValueError("must not be empty")
    if len(content) > LOGO_BYTES_MAX:
        raise ValueError(f"must have at most {LOGO_BYTES_MAX // 1024} KB")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Logo("image/png", _checked_png(content))
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Logo("image/webp", _checked_webp(content))
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Logo("image/svg+xml", _checked_svg(content))
    raise ValueError("must be a picture: PNG, SVG or WebP")


def _checked_png(content: bytes) -> bytes:
    """Its first chunk says its size (PNG, 11.2.2)."""
    if content[12:16] != b"IHDR" or content[-8:-4] != b"IEND":
        raise ValueError("must be a whole PNG")
    sides = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    if not all(1 <= side <= SIDE_PIXELS_MAX for side in sides):
        raise ValueError(f"must have at most {SIDE_PIXELS_MAX} pixels a side")
    return content


def _checked_webp(content: bytes) -> bytes:
    """Its length stands in its head (RFC 9649, 2.4)."""
    length = int.from_bytes(content[4:8], "little") + 8
    if length > len(content) or content[12:16] not in (b"VP8 ", b"VP8L", b"VP8X"):
        raise ValueError("must be a whole WebP")
    return content


def _checked_svg(content: bytes) -> bytes:
    """Well-formed, in UTF-8, and nothing in it but what draws."""
    named = _ENCODING.match(content.lstrip(b"\xef\xbb\xbf"))
    if named is not None and named.group(1).lower() not in (b"utf-8", b"us-ascii", b"ascii"):
        raise ValueError("must be written in UTF-8")
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    checks = _SvgChecks()
    parser.StartDoctypeDeclHandler = checks.doctype
    parser.ProcessingInstructionHandler = checks.instruction
    parser.StartElementHandler = checks.element
    parser.CharacterDataHandler = checks.text
    parser.EndElementHandler = checks.end
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"must be well-formed SVG: {error}") from None
    return content


class _SvgChecks:
    def __init__(self) -> None:
        self._depth = 0
        self._in_style = False
        self._style = ""

    def doctype(self, *_: object) -> None:
        raise ValueError("must have no DOCTYPE")

    def instruction(self, *_: object) -> None:
        raise ValueError("must have no processing instruction")

    def element(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._depth and (space, local) != (_SVG, "svg"):
            raise ValueError(f'must begin with <svg xmlns="{_SVG}">')
        self._depth += 1
        # Editors leave their notes in spaces of their own, which browsers do not draw.
        if space == _SVG and local not in _ELEMENTS:
            raise ValueError(f"must have no <{local}>: only what draws, nothing that runs or loads")
        if space in _DRAWN_TOO or self._in_style:
            raise ValueError(f"must have no <{local}> in it: only SVG that draws")
        self._in_style = (space, local) == (_SVG, "style")
        for attribute, value in attributes.items():
            _check_attribute(attribute.rpartition(" ")[2], value)

    def text(self, text: str) -> None:
        if self._in_style:
            self._style += text

    def end(self, _: str) -> None:
        self._depth -= 1
        if self._in_style:
            _check_style(self._style)
        self._in_style, self._style = False, ""


def _check_attribute(name: str, value: str) -> None:
    if name.lower().startswith("on"):
        raise ValueError(f"must have no {name}: nothing in it may run")
    if name in _REFERENCES and not value.strip().startswith("#"):
        raise ValueError(f"must refer to nothing outside of it: {name}={value[:40]!r}")
    _check_style(value)


def _check_style(text: str) -> None:
    # An escape of CSS may hide each of these words.
    if "\\" in text or _OUTSIDE.search(text):
        raise ValueError("must load nothing: no @import, no url() but of its own parts")
