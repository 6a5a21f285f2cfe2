"""Which logos are taken: pictures, of a size, that run and load nothing."""

import struct
import zlib

import pytest

from common.domain.logos import LOGO_BYTES_MAX, _check_style, checked_logo

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{}</svg>'


def png(side=24):
    def chunk(name, data):
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def webp():
    content = b"WEBPVP8L" + bytes(12)
    return b"RIFF" + struct.pack("<I", len(content)) + content


DRAWN = """<?xml version="1.0" encoding="UTF-8"?><!-- made by hand -->
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:made="http://editor.example/ns"><made:notes on="1"/><style>.a{fill:url(#g)}</style>
<defs><linearGradient id="g"><stop offset="0" stop-color="#0f0"/></linearGradient></defs>
<path class="a" style="stroke: url('#g')" d="M0 0h9"/><use xlink:href="#g"/></svg>"""


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (png(), "image/png"),
        (webp(), "image/webp"),
        (SVG.format("").encode(), "image/svg+xml"),
        (b"\xef\xbb\xbf" + DRAWN.replace(' on="1"', "").encode(), "image/svg+xml"),
    ],
)
def test_a_picture_is_taken_for_what_it_is(content, media_type):
    assert checked_logo(content) == (media_type, content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"GIF89a", "PNG, SVG or WebP"),
        (SVG.format(" " * LOGO_BYTES_MAX).encode(), "at most 64 KB"),
        (png(4096), "at most 2048 pixels"),
        (png()[:-4], "whole PNG"),
        (png() + b"<script>", "whole PNG"),
        (webp()[:-1], "whole WebP"),
        (b"<html><body/></html>", "must begin with <svg"),
        (b"<svg/>", "must begin with <svg"),
        (SVG.format("<g>").encode(), "well-formed"),
        (SVG.format("<g/>").encode("utf-16"), "PNG, SVG or WebP"),
        (b"<?xml version='1.0' encoding='iso-2022-jp'?>" + SVG.format("").encode(), "UTF-8"),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG.format("&a;").encode(), "DOCTYPE"),
        (b"<?xml-stylesheet href='a'?>" + SVG.format("").encode(), "processing instruction"),
    ],
)
def test_what_is_no_picture_is_refused(content, why):
    with pytest.raises(ValueError, match=why):
        checked_logo(content)


@pytest.mark.parametrize(
    "drawn",
    [
        "<script>alert(1)</script>",
        "<SCRIPT/>",
        '<g onload="alert(1)"/>',
        '<x:script xmlns:x="http://www.w3.org/2000/svg"/>',
        '<x:script xmlns:x="http://www.w3.org/1999/xhtml"/>',
        "<foreignObject/>",
        '<image href="/internal/session"/>',
        '<a href="javascript:alert(1)"/>',
        '<use href="https://evil.example/a.svg#b"/>',
        '<use xmlns:x="http://www.w3.org/1999/xlink" x:href="data:image/svg+xml,a"/>',
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        '<set attributeName="onload" to="alert(1)"/>',
        '<path style="fill: url( https://evil.example/)"/>',
        '<path fill="url(//evil.example/)"/>',
        "<style>@import 'https://evil.example/a.css';</style>",
        "<style>@im<title/>port 'a';</style>",
        "<style>a{background:u\\72l(https://evil.example/)}</style>",
    ],
)
def test_what_runs_or_loads_is_refused(drawn):
    with pytest.raises(ValueError, match="must"):
        checked_logo(SVG.format(drawn).encode())


@pytest.mark.parametrize("own", ["url(#a)", "URL( #a )", "url('#a')", "url( ' #a')", 'url(\t"#a")'])
def test_what_is_drawn_of_its_own_parts_is_taken(own):
    _check_style(f"fill: {own}")


def test_blanks_of_a_style_are_looked_for_in_linear_time():
    # In quadratic time this would take more than an hour.
    with pytest.raises(ValueError, match="must load nothing"):
        _check_style("url(" + " " * 1_000_000 + "x)")
