"""What a person chooses for this browser: theme, language, time zone. Kept in cookies."""

from functools import lru_cache
from zoneinfo import available_timezones

from starlette.responses import Response

from functions.key_admin.console.view import COOKIES, THEMES, View
from functions.key_admin.console.words import LANGUAGES

YEAR_S = 365 * 24 * 3600


async def show(view: View) -> Response:
    """The form."""
    return _page(view, {})


async def submit(view: View, form: dict[str, str]) -> Response:
    """Kept; what is none of the choices is said beside its field, and nothing is kept."""
    choices = {"theme": THEMES, "language": tuple(LANGUAGES), "zone": _zones()}
    wrong = [name for name in COOKIES if name in form and form[name] not in choices[name]]
    if wrong:
        return _page(view, dict.fromkeys(wrong, view.words("preferences.none_of_them")))
    answer = view.redirect(f"{view.home}/preferences?saved=1")
    for name, cookie in COOKIES.items():
        if name in form:
            answer.set_cookie(
                cookie, form[name], max_age=YEAR_S, path=view.home, samesite="lax", httponly=True,
                secure=view.request.url.scheme == "https",
            )  # fmt: skip
    return answer


def _page(view: View, errors: dict[str, str]) -> Response:
    return view.page(
        "preferences.html",
        422 if errors else 200,
        section="preferences",
        errors=errors,
        themes=THEMES,
        languages=LANGUAGES,
        zones=_zones(),
        saved="saved" in view.query,
    )


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    named = (one for one in available_timezones() if "/" in one and not one.startswith("Etc/"))
    return ("UTC", *sorted(named))
