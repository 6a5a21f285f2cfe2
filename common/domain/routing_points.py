"""What speaks for and against a candidate of a route, by name, with its figures. Pure."""

from typing import Literal

import msgspec

# `out` leaves it out whatever happens, `against` at this moment.
Speaks = Literal["for", "against", "out"]

# In English, filled in with a point's values. The console has its own words by the same names.
TEXTS = {
    "disabled": "it is disabled",
    "drained": "it takes no new requests",
    "ended": "it has ended",
    "not_named": "its models do not name it",
    "not_known": "{provider} is not asked for this model at this endpoint",
    "no_endpoint": "{provider} is not asked at this endpoint",
    "account_id": "the {level}'s rule account_id leaves it out",
    "group_id": "the {level}'s rule group_id leaves it out",
    "regions": "the {level}'s rule regions leaves it out: it is in {region}",
    "no_region": "the {level}'s rule regions leaves it out: it is in none",
    "unpriced": "{model} has no price in price book {book}, and such models are refused",
    "beyond": "{most} accounts come before it, and no request is handed to more",
    "cooling": "it rests after failures, until {until}",
    "full": "it serves {open} requests, as many as it may",
    "limited": "its limit {limit} is used up",
    "crowded": "{count} accounts are of its tier or before it and {most} are asked: a draw decides",
    "named": "its models name it",
    "any_model": "it serves any model, so it comes after those that name this one",
    "in_region": "it is in {region}",
    "priority": "its priority is {priority}",
    "weight": "it serves {open} requests at a weight of {weight}",
    "sticky": "the conversation was served by it last",
    "fallback": "it serves {model}, which the {level} lets stand in",
    "revoked": "the key is revoked",
    "expired": "the key has expired",
    "scopes": "the {level} does not allow the scope {scope}",
    "dialects": "the {level} does not allow the dialect {dialect}",
    "clients": "the {level} does not allow the client",
    "model_denied": "the {level} does not allow {model}",
    "context_window": "{model} is known to hold fewer tokens than {tokens}",
    "tools": "{model} is known to have no tools",
    "images": "{model} is known to see no images",
    "itself": "{model} is what was asked already",
    "no_rule": "none of its conditions holds",
    "nobody": "no account serves the model for this key at this endpoint",
}


class Point(msgspec.Struct, frozen=True):
    """One point. `code` is a name of `TEXTS`, `values` what it is filled in with."""

    code: str
    speaks: Speaks
    values: dict[str, str | int] = {}

    @property
    def text(self) -> str:
        """The point in English."""
        return TEXTS[self.code].format(**self.values)


def out(code: str, **values: str | int) -> Point:
    """A point that leaves out."""
    return Point(code, "out", values)


def against(code: str, **values: str | int) -> Point:
    """A point against, at this moment."""
    return Point(code, "against", values)


def speaks_for(code: str, **values: str | int) -> Point:
    """A point for."""
    return Point(code, "for", values)
