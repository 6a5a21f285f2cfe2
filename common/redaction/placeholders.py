"""Placeholders: what stands for a value in what a provider sees.

`EMAIL_ADDRESS_7K3QX2MA`: the entity and 40 bits or more of a keyed hash in Crockford's base 32.
Only capital letters, digits and underscores: no quoting of JSON, URLs, XML, shells or Markdown
changes it, no tokenizer or model takes it for syntax, and it says what it stands for.
docs/privacy.md has the reasons.
"""

import hashlib
import hmac
import re
from bisect import bisect_left
from collections.abc import Mapping

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BITS = 5
CODE_CHARACTERS_MIN = 8  # 40 bits
_CODE_CHARACTERS_MAX = 48
KEY_BYTES_MIN = 16


class Placeholders:
    """The placeholders of one request, and what each stands for. Kept in memory only.

    The same value of the same entity has the same placeholder in every request of a tenant, so
    that providers' prompt caches and Relay's own hit; without the key none can be told from its
    value, and tenants' placeholders have nothing in common.
    """

    def __init__(self, key: bytes, tenant: str) -> None:
        """Raises `ValueError` for a key of fewer than 16 bytes."""
        if len(key) < KEY_BYTES_MIN:
            raise ValueError(f"the key of placeholders needs {KEY_BYTES_MIN} bytes or more")
        self._key = hashlib.sha256(b"relay placeholders\0" + key).digest()
        self._tenant = tenant
        self._body = b""
        self._by_value: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._standing: dict[str, list[bytes]] = {}

    def avoid(self, body: bytes) -> None:
        """What stands in the request already is never used as a placeholder of a value."""
        self._body = body
        self._standing.clear()

    @property
    def values(self) -> Mapping[str, str]:
        """Placeholder → what it stands for, for restoring."""
        return self._values

    def __repr__(self) -> str:
        return f"Placeholders({len(self._values)} values)"  # never the values

    def of(self, entity: str, value: str) -> str:
        """The placeholder of a value; longer than usual where another stands in its way."""
        known = self._by_value.get((entity, value))
        if known is not None:
            return known
        code = self._code(entity, value)
        for length in range(CODE_CHARACTERS_MIN, _CODE_CHARACTERS_MAX + 1):
            placeholder = f"{entity}_{code[:length]}"
            if placeholder not in self._values and not self._stands(entity, placeholder):
                break
        else:
            # 240 bits agree: only a text that quotes it on purpose comes here.
            placeholder = f"{entity}_{code}{len(self._values)}"
        self._by_value[entity, value] = placeholder
        self._values[placeholder] = value
        return placeholder

    def _stands(self, entity: str, placeholder: str) -> bool:
        runs = self._standing.get(entity)
        if runs is None:
            head = entity.encode() + b"_"
            runs = []
            if head in self._body:  # a search of a literal is far cheaper than one of a pattern
                form = re.compile(head + b"[0-9A-Z]{%d,}" % CODE_CHARACTERS_MIN)
                runs = sorted(set(form.findall(self._body)))
            self._standing[entity] = runs
        begun = placeholder.encode()
        at = bisect_left(runs, begun)
        return at < len(runs) and runs[at].startswith(begun)

    def _code(self, entity: str, value: str) -> str:
        # Lengths first: no two triples are the same bytes.
        parts = [part.encode("utf-8", "surrogatepass") for part in (self._tenant, entity, value)]
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        number = int.from_bytes(hmac.digest(self._key, message, "sha256"), "big")
        return "".join(
            _ALPHABET[number >> (256 - _BITS * (place + 1)) & 31]
            for place in range(_CODE_CHARACTERS_MAX)
        )


def redacted(entity: str) -> str:
    """What stands for a value that is never put back."""
    return f"REDACTED_{entity}"
