"""What a person chooses for this browser: theme, language, time zone. Kept in cookies."""

from functools import lru_cache
from zoneinfo import available_timezones

from starlette.responses import Response

from functions.key_admin.console.view import COOKIES, THEMES, View
from functions.key_admin.console.words import LANGUAGES

YEAR_S = 365 * 24 * 3600


async def show(view: View) -> Response:
    """The form."""
    return view.page(
        "preferences.html",
        section="preferences",
        themes=THEMES,
        languages=LANGUAGES,
        zones=_zones(),
        saved="saved" in view.query,
    )


async def submit(view: View, form: dict[str, str]) -> Response:
    """Kept; what is none of the choices is not."""
    answer = view.redirect(f"{view.home}/preferences?saved=1")
    choices = {"theme": THEMES, "language": tuple(LANGUAGES), "zone": _zones()}
    for name, cookie in COOKIES.items():
        if form.get(name) in choices[name]:
            answer.set_cookie(
                cookie, form[name], max_age=YEAR_S, path=view.home, samesite="lax", httponly=True,
                secure=view.request.url.scheme == "https",
            )  # fmt: skip
    return answer


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    named = (one for one in available_timezones() if "/" in one and not one.startswith("Etc/"))
    return ("UTC", *sorted(named))
