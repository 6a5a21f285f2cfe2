"""The form of a channel. Its secrets are typed and never shown, not even those just typed."""

from typing import Any

import msgspec
from starlette.responses import Response

from common.domain.notices import KINDS, SEVERITIES
from common.domain.notification_channels import CHANNEL_KINDS, MEMBERS, SMTP_PORTS
from functions.key_admin.console import checks, editing
from functions.key_admin.console.forms import Input
from functions.key_admin.console.pages import names
from functions.key_admin.console.pages.channels import PATH
from functions.key_admin.console.view import View
from functions.key_admin.problem import not_found

_FORMS = {"recipients": "lines", "smtp_port": "integer"}


def kind_of(kind: str) -> editing.Kind:
    """The fields of a kind of channel. Raises `KeyError`."""
    members = MEMBERS[kind]  # type: ignore[index]
    settings = (
        Input(f"settings.{name}", _FORMS.get(name, "text"))  # type: ignore[arg-type]
        for name in (*members.required, *members.optional)
    )
    return editing.Kind(
        fields=(
            *(Input("name"), Input("kind"), *settings, Input("severity")),
            *(Input("events", "choices"), Input("team_ids", "choices"), Input("enabled", "flag")),
        ),
        nothing={"name": "", "events": [], "team_ids": [], "settings": {}},
        kept=frozenset(("kind",)),
    )


async def choose(view: View) -> Response:
    """Which kind it is to be."""
    return view.page("channel_kinds.html", section="notifications", kinds=CHANNEL_KINDS)


async def show_new(view: View, kind: str) -> Response:
    """The empty form of a kind."""
    if kind not in CHANNEL_KINDS:
        raise not_found(f"There is no kind of channel {kind[:40]!r}.")
    given: dict[str, Any] = {"kind": kind, "severity": "info", "enabled": True}
    if kind == "email":
        given["settings"] = {"smtp_security": "starttls", "smtp_port": SMTP_PORTS["starttls"]}
    return await _page(view, kind, editing.Form(editing.shown(view, kind_of(kind), given)))


async def create(view: View, form: dict[str, str], kind: str) -> Response:
    """Made, and on to it, where it can be tested."""
    if kind not in CHANNEL_KINDS:
        raise not_found(f"There is no kind of channel {kind[:40]!r}.")
    teams = await names.of_teams(view)
    typed = _ticked(form, teams) | {"kind": kind}
    made, again = await editing.created(view, kind_of(kind), PATH, typed)
    if again is not None:
        return await _page(view, kind, again)
    return view.redirect(f"/admin/notifications/{made['id']}?done=made")


async def show(view: View, channel_id: str) -> Response:
    """The form as the channel is now."""
    answer = await view.api.ask("GET", f"{PATH}/{channel_id}")
    kind = answer.body["kind"]
    form = editing.opened(view, kind_of(kind), answer.body, answer.etag)
    return await _page(view, kind, form, answer.body)


async def save(view: View, form: dict[str, str], channel_id: str) -> Response:
    """Changed, and on to it; or the form again. A secret that is left blank stays."""
    path = f"{PATH}/{channel_id}"
    channel = await view.api.get(path)
    kind, teams = channel["kind"], await names.of_teams(view)
    gone = [one for one in channel["team_ids"] if one not in teams]
    typed = _ticked(form, [*teams, *gone])
    again = await editing.saved(view, kind_of(kind), path, typed)
    if again is not None:
        return await _page(view, kind, again, channel)
    had_user = kind == "email" and channel["settings"].get("smtp_user")
    if had_user and not form.get("settings.smtp_user"):
        # A blank field is one that stays; a user that was taken away takes the password along.
        body = {"settings": {"smtp_user": None, "smtp_password": None}}
        await view.api.ask("PATCH", path, body=body)
    return view.redirect(f"/admin/notifications/{channel_id}?done=saved")


def _ticked(form: dict[str, str], teams: Any) -> dict[str, str]:
    return checks.ticked(checks.ticked(form, "events", KINDS), "team_ids", teams)


async def _page(
    view: View, kind: str, form: editing.Form, channel: dict[str, Any] | None = None
) -> Response:
    members = MEMBERS[kind]  # type: ignore[index]
    # What was typed as a secret is not sent back.
    secret = {f"settings.{name}": "" for name in members.secret}
    form = msgspec.structs.replace(form, values=form.values | secret)
    teams = await names.of_teams(view)
    chosen = checks.lines(form.values["team_ids"])
    return view.page(
        "channel_form.html",
        form.status,
        section="notifications",
        kind=kind,
        channel=channel,
        form=form,
        values=form.values,
        errors=form.errors,
        secrets=members.secret,
        events=KINDS,
        events_chosen=checks.lines(form.values["events"]),
        teams=teams | {one: one for one in chosen if one not in teams},
        teams_chosen=chosen,
        severities=SEVERITIES,
        securities=tuple(SMTP_PORTS),
    )
