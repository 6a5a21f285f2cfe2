"""What a configuration can declare: each kind's place in the API, its members and references.

The members are those of the API's own models, so what an API of this version takes can be declared
without a line here.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError

from common.domain.notification_channels import MEMBERS
from functions.key_admin.models.accounts import AccountCreate
from functions.key_admin.models.directory import TeamCreate, UserCreate
from functions.key_admin.models.keys import KeyCreate
from functions.key_admin.models.limits import OrganisationPatch
from functions.key_admin.models.notifications import ChannelCreate
from functions.key_admin.models.patterns import words_for
from functions.key_admin.models.routing import AliasPut, GroupCreate, ModelPut

SECRET = "(secret)"  # noqa: S105 - what is shown in its place


class Reference(msgspec.Struct, frozen=True):
    """A member of the file that names others: `team: Research` is `team_id: 01K…` of the API."""

    member: str
    sent: str
    kind: str
    many: bool = False


class Kind(msgspec.Struct, frozen=True):
    """A kind of what can be declared.

    `name_member` is what the section's names are in the API, empty where the path has them (then
    it is written by PUT, whole). `kept` members cannot be changed once it is there; `secret` ones
    (by path) are never shown, so no difference can be seen in them. With a change of `moved_by`
    the API wants the secrets again.
    """

    section: str
    singular: str
    path: str
    model: type[BaseModel]
    name_member: str = "name"
    references: tuple[Reference, ...] = ()
    kept: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    moved_by: str = ""
    is_ours: Callable[[dict[str, Any]], bool] = lambda _: True
    is_removed: str = "deleted"

    @property
    def by_path(self) -> bool:
        """Whether it is put whole under its name."""
        return not self.name_member


def _own(item: dict[str, Any]) -> bool:
    return bool(item["own"])


def _stored(item: dict[str, Any]) -> bool:
    return not item["built_in"]


def _usable(item: dict[str, Any]) -> bool:
    return bool(item["status"] != "revoked")


_TEAM = Reference("team", "team_id", "teams")
_BINDING = (
    Reference("account", "account_id", "accounts"),
    Reference("group", "group_id", "groups"),
)
_CHANNEL_SECRETS = tuple(
    f"settings.{name}" for members in MEMBERS.values() for name in members.secret
)
# In this order they are made, each after what it names; in the other one they are taken away.
KINDS = (
    Kind("organisation", "organisation", "/internal/organisation", OrganisationPatch),
    Kind(
        "accounts", "account", "/internal/accounts", AccountCreate,
        kept=("provider",), secret=("credential", "egress_proxy"), moved_by="base_url",
        is_ours=_stored,
    ),
    Kind(
        "groups", "group", "/internal/groups", GroupCreate,
        references=(Reference("accounts", "account_ids", "accounts", many=True),),
    ),
    Kind("teams", "team", "/internal/teams", TeamCreate, references=_BINDING),
    Kind("models", "model", "/internal/models", ModelPut, name_member="", is_ours=_own),
    Kind("aliases", "alias", "/internal/aliases", AliasPut, name_member=""),
    Kind("users", "user", "/internal/users", UserCreate, name_member="id", references=(_TEAM,)),
    Kind(
        "keys", "key", "/internal/api-keys", KeyCreate,
        references=(_TEAM, Reference("user", "user_id", ""), *_BINDING), kept=("user",),
        is_ours=_usable, is_removed="revoked",
    ),
    Kind(
        "channels", "channel", "/internal/notification-channels", ChannelCreate,
        references=(Reference("teams", "team_ids", "teams", many=True),), kept=("kind",),
        secret=tuple(dict.fromkeys(_CHANNEL_SECRETS)),
    ),
)  # fmt: skip
SECTIONS = tuple(kind.section for kind in KINDS)


def faults_of(kind: Kind, place: str, members: dict[str, Any]) -> list[str]:
    """What the API would refuse in these members (references left out), place by place."""
    named = {} if kind.by_path or kind.section == "organisation" else {kind.name_member: "a name"}
    sent = {one.sent for one in kind.references}
    faults = [
        f"{place}.{name}: give {reference.member}, by name"
        for reference in kind.references
        for name in members
        if name == reference.sent != reference.member
    ]
    try:
        kind.model.model_validate_json(msgspec.json.encode(named | members))
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            path = "".join(
                f"[{step}]" if isinstance(step, int) else f".{step}"
                for step in one["loc"]
                if step != "[key]"
            ).removeprefix(".")
            if path not in sent:
                faults.append(f"{place}.{path}: {_words(one)}")
    return faults


def _words(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "is not known here"
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "string_pattern_mismatch":
        return words_for(error["ctx"]["pattern"])
    return str(error["msg"]).removeprefix("Value error, ")


def normal(kind: Kind, member: str, value: Any) -> Any:
    """A member's value as the API writes it, whoever wrote it: with what is silent filled in."""
    field = kind.model.model_fields.get(member)
    if field is None or value is None:
        return value
    annotated: Any = field.annotation
    for one in field.metadata:
        annotated = _annotated(annotated, one)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotated)
        read = adapter.validate_json(msgspec.json.encode(value))
        return adapter.dump_python(read, mode="json")
    except (ValidationError, TypeError):
        return value


def _annotated(annotation: Any, metadata: Any) -> Any:
    from typing import Annotated

    return Annotated[annotation, metadata]


def secret_paths(kind: Kind, members: dict[str, Any]) -> Sequence[str]:
    """Which secret members are there."""
    return [path for path in kind.secret if _at(members, path) is not None]


def without(members: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The members without those of the paths."""
    left = dict(members)
    for path in paths:
        first, _, rest = path.partition(".")
        if not rest:
            left.pop(first, None)
        elif isinstance(left.get(first), dict):
            left[first] = {name: one for name, one in left[first].items() if name != rest}
    return left


def _at(members: dict[str, Any], path: str) -> Any:
    first, _, rest = path.partition(".")
    value = members.get(first)
    return value.get(rest) if rest and isinstance(value, dict) else None if rest else value
