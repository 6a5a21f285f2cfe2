"""What an organisation, a team or a key says about keeping answers, checked. Pure."""

import re
from typing import Any, Literal

import msgspec

from common.domain.field_errors import FieldError, InvalidPolicy, converted

# `opt_in` keeps answers to requests whose `x-relay-cache` asks for it, `on` all but those that
# refuse; with `off` the header changes nothing.
Mode = Literal["off", "opt_in", "on"]
# What a request does: `use` looks and keeps, `renew` asks anew and keeps, `pass` does neither.
Use = Literal["use", "renew", "pass"]
TTL_S_MAX = 30 * 24 * 3600
TTL_S_DEFAULT = 3600
ASKED_TTL_S_MAX = 24 * 3600


class CachePolicy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whose answers are kept and for how many seconds.

    `ttl_s_max` is what a request's `x-relay-cache-ttl` may ask for at most; `ttl_s` where it is
    silent.
    """

    mode: Mode
    ttl_s: int = TTL_S_DEFAULT
    ttl_s_max: int = ASKED_TTL_S_MAX


class InvalidCacheHeader(ValueError):
    """A header of the request that says nothing: `header`, and in the message what it takes."""

    def __init__(self, header: str, takes: str) -> None:
        super().__init__(f"{header} takes {takes}")
        self.header = header


class CacheWish(msgspec.Struct, frozen=True):
    """What becomes of one request; for how many seconds its answer is kept, and another's used."""

    use: Use
    ttl_s: int = 0


PASS = CacheWish("pass")


def read_cache_policy(value: Any) -> CachePolicy:
    """A policy from JSON values. Raises `InvalidPolicy` naming each field at fault."""
    policy = converted(value, CachePolicy, "response_cache")
    errors = [
        FieldError(name, f"must be from 1 to {TTL_S_MAX} seconds (30 days)")
        for name in ("ttl_s", "ttl_s_max")
        if not 1 <= getattr(policy, name) <= TTL_S_MAX
    ]
    if not errors and policy.ttl_s > policy.ttl_s_max:
        message = f"is above ttl_s_max ({policy.ttl_s_max}): raise that, or lower ttl_s"
        errors.append(FieldError("ttl_s", message))
    if errors:
        raise InvalidPolicy(errors)
    return policy


def wish_of(policy: CachePolicy, asked: str | None, asked_ttl: str | None) -> CacheWish:
    """What a request wants by its headers `x-relay-cache` and `x-relay-cache-ttl`.

    Raises `InvalidCacheHeader`, so that nobody believes in a cache that a slip has turned off.
    """
    word = None if asked is None else asked.strip().lower()
    if word not in (None, "on", "off", "refresh"):
        raise InvalidCacheHeader("x-relay-cache", "on, off or refresh")
    ttl_s = policy.ttl_s
    if asked_ttl is not None:
        if not re.fullmatch("[0-9]{1,9}", asked_ttl.strip()) or int(asked_ttl) < 1:
            raise InvalidCacheHeader("x-relay-cache-ttl", "a whole number of seconds, from 1 on")
        ttl_s = min(int(asked_ttl), policy.ttl_s_max)
    if policy.mode == "off" or word == "off" or (policy.mode == "opt_in" and word is None):
        return PASS
    return CacheWish("renew" if word == "refresh" else "use", ttl_s)
