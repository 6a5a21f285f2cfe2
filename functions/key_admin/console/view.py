"""One page as it is made: who looks, in which language, zone and theme; and how it is sent."""

import asyncio
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from common.domain.periods import UnknownTimezone, zone
from common.domain.roles import Actor
from functions.key_admin.branding import Brand, current
from functions.key_admin.console import assets, charts, formats, ranges
from functions.key_admin.console.asking import Asking
from functions.key_admin.console.words import DEFAULT, LANGUAGES, Words, preferred
from functions.key_admin.identity.pages import path_of

THEMES = ("auto", "light", "dark")
COOKIES = {"theme": "relay-theme", "language": "relay-language", "zone": "relay-zone"}
_HERE = Path(__file__).parent
_TEMPLATES = (_HERE / "templates", _HERE.parent / "portal" / "templates")
ADMIN, PORTAL = "/admin", "/portal"
# Nothing from elsewhere, nothing inline: what somebody writes into a name stays a text.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class View:
    """What pages and templates need of a request."""

    def __init__(self, request: Request, actor: Actor | None, home: str = ADMIN) -> None:
        self.request = request
        self.home = home
        self.actor = actor
        self.now = datetime.now(UTC)
        self.query = dict(request.query_params)
        self.theme = _chosen(request, "theme", THEMES, "auto")
        language = preferred(request.headers.get("accept-language", DEFAULT))
        self.words = Words(_chosen(request, "language", tuple(LANGUAGES), language))
        self.zone_name = request.cookies.get(COOKIES["zone"], "UTC")
        try:
            self.zone = zone(self.zone_name)
        except UnknownTimezone:
            self.zone_name, self.zone = "UTC", UTC
        self.formats = formats.Formats(self.words.language, self.zone)
        self.api = Asking(request, actor)

    @property
    def brand(self) -> Brand:
        """By which name and logo the console is known."""
        return current()

    @property
    def layout(self) -> str:
        """What is around its pages."""
        return "layout.html" if self.home == ADMIN else "portal_layout.html"

    @property
    def is_partial(self) -> bool:
        """Whether only the region that is exchanged is asked for (htmx)."""
        return "hx-request" in self.request.headers and (
            "hx-history-restore-request" not in self.request.headers
        )

    async def gather(self, **calls: Any) -> dict[str, Any]:
        """Several answers at once, by name."""
        found = await asyncio.gather(*calls.values())
        return dict(zip(calls, found, strict=True))

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """The page, whole."""
        text = self.rendered(template, **values)
        return Response(text, status, headers=HEADERS, media_type="text/html")

    def rendered(self, template: str, **values: Any) -> str:
        """A template's text."""
        given = {"view": self, "t": self.words, "f": self.formats, "actor": self.actor}
        # Of the page's fields, by name, as they are rendered: what is wrong is said by them.
        given["labels"] = {}
        return _environment().get_template(template).render(given | values)

    def redirect(self, path: str) -> Response:
        """On to a page of the console, by GET."""
        return RedirectResponse(path, 303, headers=HEADERS)

    def link(self, path: str, **query: Any) -> str:
        """A path with a query, without what is empty."""
        chosen = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{path}?{urlencode(chosen)}" if chosen else path

    def here(self, **changes: Any) -> str:
        """The page's own address, with what of its query is to be otherwise."""
        return self.link(path_of(self.request), **(self.query | changes))

    def ago(self, value: object) -> str:
        """How long ago, in words; "never" for none."""
        if value in (None, ""):
            return self.words("time.never")
        unit, count = formats.ago(value, self.now)
        return self.words(f"time.{unit}", n=count)


def _chosen(request: Request, name: str, among: tuple[str, ...], otherwise: str) -> str:
    value = request.cookies.get(COOKIES[name], "")
    return value if value in among else otherwise


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["path_step"] = lambda text: quote(text, safe="")
    environment.globals["range_default"] = ranges.DEFAULT
    environment.globals["asset"] = assets.address
    environment.globals["bars"] = _marked(charts.bars)
    environment.globals["sparkline"] = _marked(charts.sparkline)
    environment.globals["meter"] = _marked(charts.meter)
    environment.globals["share"] = _marked(charts.share)
    environment.globals["decimal"] = formats.decimal
    environment.globals["ceiling"] = charts.ceiling
    return environment


def _marked(chart: Any) -> Any:
    """Charts escape what they are given, so they are markup."""

    def draw(*arguments: Any) -> Markup:
        return Markup(chart(*arguments))  # noqa: S704 - made of figures and escaped words

    return draw
