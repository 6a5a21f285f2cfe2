"""Changes of members that the server takes whole: what is not given of them stays as it is."""

from typing import Any

from cli.admin.options import Session, something
from cli.admin.output import Shape

# Of `limits`, a window and a queue are one thing each; of `access`, only the models have parts.
PARTIAL = ("limits", "calendar", "access")


def send_change(
    session: Session,
    shape: Shape,
    path: str,
    body: dict[str, Any],
    partial: tuple[str, ...] = PARTIAL,
) -> None:
    """PATCH and show. Raises `click.UsageError` for no change, `Refused`, `Unreachable`.

    Members of `partial` are sent as they are now with what is given in its place, and only if
    nobody changes them meanwhile; an empty one or null takes all of it away.
    """
    something(body)
    given = [name for name in partial if body.get(name)]
    headers = {}
    if given:
        now = session.client.send("GET", path)
        body |= {name: _merged(now.body.get(name) or {}, body[name]) for name in given}
        headers = {"if-match": now.etag}
    session.show(shape, session.client.send("PATCH", path, body=body, headers=headers).body)


def _merged(now: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in now.items() if value is not None}
    if "models" in given:
        given = given | {"models": kept.get("models", {}) | given["models"]}
    return kept | given
