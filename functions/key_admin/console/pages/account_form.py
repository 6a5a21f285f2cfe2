"""The forms of accounts: by which provider, then only what that provider needs; changing one."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from common.domain.account_presets import Preset, preset_for, preset_named
from common.domain.accounts import Quirk
from functions.key_admin.console import editing, faults, fields
from functions.key_admin.console.forms import Input
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/accounts"
QUIRKS = getattr(Quirk, "__args__", ())
# These are typed, sent and never shown again.
CREDENTIAL = ("api_key", "access_key_id", "secret_access_key", "session_token", "service_account")
DEFAULTS = {"priority": 50, "weight": 1, "max_concurrency": 0}
KIND = editing.Kind(
    fields=(
        Input("name"),
        Input("base_url"),
        Input("region"),
        Input("options.api_version"),
        Input("options.project"),
        Input("options.quirks", "choices"),
        Input("models", "names"),
        Input("priority", "integer"),
        Input("weight", "integer"),
        Input("max_concurrency", "integer"),
        Input("tags", "lines"),
        Input("expires_at", "moment"),
        Input("discount", "decimal"),
        Input("extra_headers", "headers"),
        Input("egress_proxy"),
        *(field for field in fields.LIMITS if not field.path.startswith("limits.queue")),
    ),
    nothing={
        **dict.fromkeys(("name", "base_url", "region", "discount"), ""),
        **{name: {} for name in ("models", "options", "extra_headers")},
        "tags": [],
        **DEFAULTS,
    },
)
# What a form of any kind begins with: the API's own defaults.
BEGIN = {name: str(value) for name, value in DEFAULTS.items()}
# What stands among the rest, closed, unless it says something.
MORE = ("base_url", "discount", "expires_at", "extra_headers", "egress_proxy")


async def choose(view: View) -> Response:
    """Of which kind the new one is."""
    found = await view.api.get(f"{PATH}/presets")
    return view.page("account_choose.html", section="accounts", presets=found["items"])


async def show_new(view: View, preset: str) -> Response:
    """The empty form of a kind."""
    chosen = _preset(preset)
    values = editing.shown(view, KIND, {}) | BEGIN | {"base_url": chosen.base_url}
    values["options.quirks"] = "\n".join(chosen.quirks)
    return _page(view, editing.Form(values), chosen)


async def create(view: View, form: dict[str, str], preset: str) -> Response:
    """Made, and on to it, where it can be tried. Sent twice, the form makes one account."""
    chosen = _preset(preset)
    form = _with_quirks(form)
    once = form.get("once", "") or secrets.token_urlsafe(18)
    unseen = {"provider": chosen.provider, "credential": _credential(form)}
    made, again = await editing.created(view, KIND, PATH, form, once, unseen)
    if again is not None:
        return _page(view, _beside(again, chosen.provider), chosen)
    return view.redirect(view.link(f"/admin/accounts/{made['id']}", done="made"))


async def show(view: View, account_id: str) -> Response:
    """The form as the account is now; one of the environment has none."""
    answer = await view.api.ask("GET", f"{PATH}/{account_id}")
    if answer.body["built_in"]:
        return view.redirect(f"/admin/accounts/{account_id}")
    form = editing.opened(view, KIND, answer.body, answer.etag)
    return _edit_page(view, form, answer.body)


async def save(view: View, form: dict[str, str], account_id: str) -> Response:
    """Changed, and on to it; or the form again. A blank credential stays as it is."""
    form = _with_quirks(form)
    credential = _credential(form)
    unseen = {"credential": credential} if credential else {}
    again = await editing.saved(view, KIND, f"{PATH}/{account_id}", form, unseen)
    if again is None:
        return view.redirect(view.link(f"/admin/accounts/{account_id}", done="saved"))
    account = await view.api.get(f"{PATH}/{account_id}")
    return _edit_page(view, _beside(again, account["provider"]), account)


def _edit_page(view: View, form: editing.Form, account: dict[str, Any]) -> Response:
    return _page(view, form, preset_for(account["provider"], account["base_url"]), account)


def _preset(name: str) -> Preset:
    preset = preset_named(name)
    if preset is None:
        raise Problem(404, "Not found", f"There is no kind of account named {name[:64]!r}.")
    return preset


def _with_quirks(form: Mapping[str, str]) -> dict[str, str]:
    """The form with its boxes as the one field that they are."""
    chosen = [name for name in QUIRKS if form.get(f"quirk.{name}") == "on"]
    return dict(form) | {"options.quirks": "\n".join(chosen)}


def _credential(form: Mapping[str, str]) -> dict[str, Any]:
    """What was typed of it. A key file that is no JSON is left for the API to refuse."""
    found: dict[str, Any] = {
        name: text for name in CREDENTIAL if (text := form.get(f"credential.{name}", "").strip())
    }
    if key_file := found.get("service_account"):
        try:
            read = json.loads(key_file)
        except ValueError:
            return found
        found["service_account"] = read if isinstance(read, dict) else key_file
    return found


def _beside(form: editing.Form, provider: str) -> editing.Form:
    """What is wrong with a key file's member stands at the file; with a credential at its first."""
    first = f"credential.{'service_account' if provider == 'vertex' else 'api_key'}"
    found = ((first if path == "credential" else path, said) for path, said in form.errors.items())
    errors = faults.beside(found, {"credential.service_account": ""})
    return msgspec.structs.replace(form, errors=errors)


def _page(
    view: View, form: editing.Form, preset: Preset, account: dict[str, Any] | None = None
) -> Response:
    said = form.values | form.errors
    counts = [name for name in fields.COUNTS if name != "concurrency"]
    if said.get("limits.concurrency"):
        counts.append("concurrency")
    hidden = set(MORE) - ({"base_url"} if preset.example_url or preset.base_url else set())
    return view.page(
        "account_form.html",
        form.status,
        section="accounts",
        account=account,
        preset=preset,
        form=form,
        values=form.values,
        errors=form.errors,
        once=secrets.token_urlsafe(18),
        quirks=QUIRKS,
        more_open=any(said.get(name) for name in hidden) if account is None else True,
        **fields.CHOICES | {"policies": ("deny", "soft"), "counts": counts},
    )
