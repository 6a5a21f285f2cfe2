"""Models by name: aliases, fallbacks, which there are. Imported where one of these is asked for."""

from collections.abc import Iterator

from common.domain.fallbacks import fallbacks_at, lacking
from common.domain.globs import is_glob
from common.domain.prices import PriceBook
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.routing_table import Asking, RoutingTable, target_of
from common.model_catalogue import entry_of
from common.providers.targets import target_of as format_of
from functions.relay.open_request import OpenRequest
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.access import allows_model

NEAR_MAX = 3
# What a model is listed for: conversations in the dialect.
_CONVERSATIONS = {
    "openai": "chat.completions",
    "anthropic": "messages",
    "gemini": "gemini.generate",
}


def asking_of(request: OpenRequest) -> Asking:
    """What conditions may look at of a request, whose key must be known."""
    key = request.key
    if key is None:
        raise ValueError("the key comes before its conditions")

    def content() -> tuple[bool, bool]:
        from common.dialects.conversations import content_of

        return content_of(request.body)

    return Asking(
        key.team_id,
        key.tags,
        lambda name: request.header(name.encode("latin-1", "replace")),
        lambda: request.input_estimate,
        content,
    )


def target(request: OpenRequest, table: RoutingTable) -> str:
    """The model that the alias asked for stands for in this request. Raises `Refused`."""
    alias = request.parsed.model if request.parsed is not None else ""
    found = target_of(table.aliases[alias], asking_of(request), request.id)
    if found is None:
        message = (
            f"The alias {alias!r} stands for no model in this request: none of its conditions hold"
        )
        raise Refused(Refusal(Reason.MODEL_NOT_FOUND, message, field="model"))
    return found


def fallbacks_of(request: OpenRequest, table: RoutingTable, model: str) -> Iterator[str]:
    """The models to ask instead, in turn: those of the innermost level that names some.

    Only such as the key may use, and as are not known to lack what the request needs.
    """
    parsed = request.parsed
    if parsed is None or parsed.follows is not None or parsed.job is not None:
        return
    found = fallbacks_at(request.routing, parsed.model, model)
    for name in () if found is None else found[1]:
        if name == model or not allows_model(request, name):
            continue
        content = asking_of(request).content
        if lacking(entry_of(table.models, name), lambda: request.input_estimate, content) is None:
            yield name


def usable_models(
    request: OpenRequest, accounts: list[UsableAccount], table: RoutingTable, prices: PriceBook
) -> list[str]:
    """Models of the accounts asked in the dialect, and aliases, as far as the key allows them.

    An account without a list of its own serves whatever its provider has: the price book's; one
    with globs, those of them that match.
    """
    if request.dialect is None or request.key is None:
        raise ValueError("key and dialect come first")
    names: set[str] = set()
    conversation = _CONVERSATIONS[request.dialect.name]
    for account in accounts:
        barred = any(one.policy.routing.barred_by(account, table.groups) for one in request.routing)
        if barred or not account.may_serve(request.id):
            continue
        known = [*account.models, *prices.models(account.provider)]
        names.update(
            name
            for name in known
            if not is_glob(name) and format_of(account, conversation, name) is not None
        )
    found = {name for name in names if name not in table.aliases and allows_model(request, name)}
    for alias, rules in table.aliases.items():
        models = [model for rule in rules for model in rule.models]
        if any(model in names and allows_model(request, model, alias) for model in models):
            found.add(alias)
    return sorted(found)


def near_matches(
    request: OpenRequest, accounts: list[UsableAccount], table: RoutingTable, prices: PriceBook
) -> str:
    """Words with models that the key may use and that are written alike; empty for none."""
    if request.dialect is None or request.parsed is None:
        return ""
    from difflib import get_close_matches

    usable = usable_models(request, accounts, table, prices)
    near = get_close_matches(request.parsed.model, usable, NEAR_MAX)
    return "; did you mean " + " or ".join(map(repr, near)) + "?" if near else ""
