"""Secrets: keys and tokens by the forms that their issuers publish."""

import re
from collections.abc import Iterator

from common.redaction import entities
from common.redaction.detectors.base import (
    LIKELY,
    SURE,
    AnchoredDetector,
    Detector,
    always,
)
from common.redaction.found import Found

_B64 = r"[A-Za-z0-9_-]"
_END = r"(?![A-Za-z0-9_-])"
# Entity, what it begins with, its whole form.
_FORMS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        entities.OPENAI_KEY,
        ("sk-",),
        r"sk-(?!ant-)(?:(?:proj|svcacct|admin|None)-"
        + _B64
        + r"{20,200}|[A-Za-z0-9]{32,64})"
        + _END,
    ),
    (entities.ANTHROPIC_KEY, ("sk-ant-",), r"sk-ant-[a-z0-9]{3,8}-" + _B64 + "{20,200}" + _END),
    (
        entities.AWS_KEY,
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
    ),
    (
        entities.AWS_KEY,
        ("secret_access_key", "SECRET_ACCESS_KEY", "SecretAccessKey", "secretAccessKey"),
        r"\w{15,17}[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    ),
    (entities.GOOGLE_KEY, ("AIza",), r"AIza" + _B64 + "{35}" + _END),
    (entities.GOOGLE_KEY, ("GOCSPX-",), r"GOCSPX-" + _B64 + "{28}" + _END),
    (entities.GOOGLE_KEY, ("ya29.",), r"ya29\.[A-Za-z0-9._-]{30,400}"),
    (
        entities.GITHUB_TOKEN,
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        r"gh[pousr]_[A-Za-z0-9]{36,251}" + _END,
    ),
    (entities.GITHUB_TOKEN, ("github_pat_",), r"github_pat_\w{40,100}" + _END),
    (entities.SLACK_TOKEN, ("xox", "xapp-"), r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,200}"),
    (
        entities.SLACK_TOKEN,
        ("hooks.slack.com/services/",),
        r"hooks\.slack\.com/services/(?P<value>T\w{6,14}/B\w{6,14}/\w{18,40})",
    ),
    (
        entities.STRIPE_KEY,
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
        r"(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{16,150}" + _END,
    ),
    (
        entities.SERVICE_TOKEN,
        ("glpat-", "hf_", "npm_", "pypi-AgEI", "SG.", "dop_v1_", "gsk_", "xai-", "r8_", "pplx-"),
        r"(?:glpat-" + _B64 + r"{20,64}|hf_[A-Za-z0-9]{30,40}|npm_[A-Za-z0-9]{36}|pypi-AgEI"
        r"[\w-]{50,400}|SG\.[\w-]{22}\.[\w-]{43}|dop_v1_[0-9a-f]{64}|gsk_[A-Za-z0-9]{40,60}"
        r"|xai-[A-Za-z0-9]{60,90}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,60})" + _END,
    ),
    (
        entities.JWT,
        ("eyJ",),
        r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{0,400}",
    ),
    (
        entities.BEARER_TOKEN,
        ("Bearer ", "bearer ", "BEARER "),
        r"\w{6} (?P<value>(?=[A-Za-z._~+/-]{0,100}[0-9])[A-Za-z0-9._~+/-]{20,400}={0,2})",
    ),
)


def secret_detectors(relay_prefixes: tuple[str, ...] = ("cr_",)) -> list[Detector]:
    """All of them; `relay_prefixes` are what Relay's own keys begin with."""
    detectors: list[Detector] = [
        AnchoredDetector(entity, anchors, form, always(SURE)) for entity, anchors, form in _FORMS
    ]
    for prefix in relay_prefixes:
        # A key is the prefix and 32 bytes in base64url.
        form = re.escape(prefix) + _B64 + "{43}" + _END
        detectors.append(AnchoredDetector(entities.RELAY_KEY, (prefix,), form, always(SURE)))
    detectors.append(PrivateKeyDetector())
    detectors.extend(_connection_strings())
    return detectors


def _connection_strings() -> list[Detector]:
    """Members of connection strings that hold a password or key (Azure, ADO.NET, JDBC, libpq)."""
    words = ("AccountKey=", "SharedAccessKey=", "SharedAccessSignature=")
    passwords = ("Password=", "password=", "PASSWORD=", "Pwd=", "pwd=", "PWD=")
    return [
        AnchoredDetector(
            entities.CONNECTION_STRING,
            words,
            r"\w{10,21}=(?P<value>[A-Za-z0-9+/%=&_-]{16,400})",
            always(SURE),
        ),
        AnchoredDetector(
            entities.CONNECTION_STRING,
            passwords,
            r"\w{3,8}=[\"']?(?P<value>[^\s\"';&,<>{}$]{4,128})",
            _beside_a_server,
        ),
    ]


_SERVER = re.compile(
    r"\b(?:server|host|data source|uid|user id|user|database|initial catalog|dbname)\s{0,2}=",
    re.IGNORECASE,
)


def _beside_a_server(text: str, match: "re.Match[str]") -> float | None:
    """A password is one of a connection string where a server, user or database stands by."""
    before, after = max(0, match.start() - 160), min(len(text), match.end() + 160)
    if _SERVER.search(text, before, match.start()) or _SERVER.search(text, match.end(), after):
        return SURE
    return LIKELY if len(set(match["value"])) >= 6 else None


class PrivateKeyDetector:
    """PEM and OpenSSH and PGP private keys: from their first line to their last.

    A key without its last line ends where its base64 does.
    """

    entities = frozenset({entities.PRIVATE_KEY})
    gate = None
    _REACH = 16_384
    _BEGIN = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?)-----")
    # Line ends may be written as `\n` where the key stands in JSON within the text.
    _BODY = re.compile(r"(?:[A-Za-z0-9+/=\s]|\\[nr]|[\w-]{1,20}: ){0,16384}")

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`."""
        at = text.find("-----BEGIN ", start, min(len(text), stop + 10))
        while 0 <= at < stop:
            begin = self._BEGIN.match(text, at)
            end = at + 1
            if begin is None:
                yield None
            else:
                end = self._end(text, begin)
                yield Found(at, end, entities.PRIVATE_KEY, SURE)
            at = text.find("-----BEGIN ", end, min(len(text), stop + 10))

    def _end(self, text: str, begin: "re.Match[str]") -> int:
        last = f"-----END {begin['kind']}-----"
        at = text.find(last, begin.end(), begin.end() + self._REACH)
        if at >= 0:
            return at + len(last)
        body = self._BODY.match(text, begin.end(), min(len(text), begin.end() + self._REACH))
        return begin.end() if body is None else body.end()
