"""Every metric of Relay, in one place: `python -m common.telemetry.catalogue` prints the table."""

from common.telemetry.metrics import REGISTRY, Counter, Gauge, Histogram

_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

REQUESTS = Counter(
    "relay_requests_total",
    "Requests answered, by function, endpoint and HTTP status (499: the caller left first)",
    ("function", "endpoint", "status"),
)
REQUEST_SECONDS = Histogram(
    "relay_request_duration_seconds",
    "From a request's head to the end of its answer",
    ("endpoint",),
    buckets=_LATENCY_S,
)
FIRST_CHUNK_SECONDS = Histogram(
    "relay_time_to_first_chunk_seconds",
    "From a request's head to the provider's first bytes",
    ("endpoint",),
    buckets=_LATENCY_S,
)
TOKENS = Counter("relay_tokens_total", "Tokens settled, by class and model", ("class", "model"))
COST_USD = Counter("relay_cost_usd_total", "Cost settled in USD, by model", ("model",))
UNPRICED = Counter("relay_unpriced_requests_total", "Requests to models without a price")
RESERVATION_EXCEEDED = Counter(
    "relay_reservation_exceeded_total",
    "Requests that cost more than was reserved for them; posted in full",
    ("model",),
)
SIGN_INS = Counter(
    "relay_sign_ins_total",
    "Attempts to sign in to the admin pages and API, by way and result (ok, refused, locked)",
    ("way", "result"),
)
DENIALS = Counter("relay_denials_total", "Requests refused by Relay, by reason", ("reason",))
CONTENT_VERDICTS = Counter(
    "relay_content_verdicts_total",
    "Verdicts of content policies other than to allow, by phase (input, output), by whom (size, "
    "pattern, webhook) and verdict (block, flag; unavailable: a webhook gave none)",
    ("phase", "by", "verdict"),
)
GUARDRAIL_SECONDS = Histogram(
    "relay_guardrail_duration_seconds",
    "From asking a content policy's webhook to its verdict, or to its having given none",
    ("phase",),
    buckets=_LATENCY_S,
)
REDACTIONS = Counter(
    "relay_redactions_total",
    "Values found by redaction in requests and answers, by entity (custom: a policy's own) and "
    "action",
    ("entity", "action"),
)
MODEL_UNAVAILABLE = Counter(
    "relay_redaction_model_unavailable_total",
    "Requests whose text the language model could not search in time, by what became of them",
    ("outcome",),
)
QUEUE_WAITING = Gauge(
    "relay_queue_waiting", "Requests of this process that wait for a limit of concurrency"
)
QUEUED_SECONDS = Histogram(
    "relay_queued_seconds",
    "How long requests waited for a limit of concurrency, admitted in the end or not",
    buckets=_LATENCY_S,
)
CACHE_REQUESTS = Counter(
    "relay_response_cache_requests_total",
    "Requests whose policy keeps answers, by result (hit, miss, bypass)",
    ("result",),
)
CACHE_MADE = Counter(
    "relay_response_cache_answers_total",
    "Answers made for the response cache, by result (kept, not_kept: too large or of a kind that "
    "is not kept, failed: no whole answer, or Redis was away)",
    ("result",),
)
OPEN_LEASES = Gauge("relay_open_leases", "Requests that this process has open")
UPSTREAM_ATTEMPTS = Counter(
    "relay_upstream_attempts_total",
    "Attempts at accounts of providers, by result (ok, or the reason of the failure)",
    ("provider", "account", "result"),
)
EVENTS = Counter(
    "relay_events_total",
    "Usage records sent as events, by result (sent, failed, dropped)",
    ("result",),
)
OUTBOX_DEPTH = Gauge("relay_outbox_depth", "Settled records that are not in the ledger yet")
OUTBOX_AGE_SECONDS = Gauge("relay_outbox_oldest_age_seconds", "Age of the oldest of them")
LEDGER_RECORDS = Counter(
    "relay_ledger_records_total",
    "Records given to the ledger, by result (inserted, duplicate, quarantined)",
    ("result",),
)
COUNTERS_REPAIRED = Counter(
    "relay_counters_repaired_total",
    "Counters of budgets and daily limits that were put right, by direction (raised, lowered)",
    ("direction",),
)
LEASES_EXPIRED = Counter(
    "relay_leases_expired_total", "Leases of relays that died, posted as interrupted"
)
JOBS_OPEN = Gauge("relay_jobs_open", "Background responses and batches that are not settled yet")
JOBS_LOOKS = Counter(
    "relay_job_looks_total",
    "Looks at jobs by `cleanup`, by type and result (settled, open, unreachable)",
    ("type", "result"),
)
REBUILDS = Counter("relay_projection_rebuilds_total", "Rebuilds of the projection in Redis")
DEAD_LETTERS = Counter("relay_dead_letters_total", "Events that nobody took, by type", ("type",))
TASK_RUNS = Counter(
    "relay_task_runs_total", "Runs of cleanup tasks, by task and result", ("task", "result")
)
NOTIFICATIONS = Counter(
    "relay_notifications_total",
    "Attempts to send a message, by kind of channel and result (sent, waiting, given_up)",
    ("kind", "result"),
)
LOG_LINES_DROPPED = Counter(
    "relay_log_lines_dropped_total",
    "Log lines that are on standard output only, because their file could not be written",
)
EXPORTER_UP = Gauge(
    "relay_exporter_up",
    "Whether a store (redis, postgres) answers the exporter: 1 or 0",
    ("store",),
)
LEASES = Gauge(
    "relay_leases",
    "Leases of requests, by state (open; over: of relays that died, not expired yet)",
    ("state",),
)
ACCOUNTS_RESTING = Gauge("relay_accounts_resting", "Accounts that rest after failures")
ACCOUNTS_UNHEALTHY = Gauge(
    "relay_accounts_unhealthy",
    "Accounts that do not serve freely, by state (cooling, unauthorized, quota_exhausted)",
    ("state",),
)
PROJECTION_READY = Gauge(
    "relay_projection_ready", "Whether Redis has keys and accounts: 1, or 0 until it is rebuilt"
)
CHANGES_WAITING = Gauge(
    "relay_projection_changes_waiting", "Changes of keys and accounts that Redis has not seen"
)
CHANGES_AGE_SECONDS = Gauge("relay_projection_oldest_change_age_seconds", "Age of the oldest")
QUARANTINED = Gauge("relay_quarantined_records", "Records that the ledger could not take")
DEAD_LETTERS_WAITING = Gauge(
    "relay_dead_letters_waiting", "Events that nobody took and nobody has sent again"
)
LEDGER_UNTIL = Gauge(
    "relay_ledger_partitions_until_seconds",
    "When the newest partition of the ledger ends, in seconds since 1970",
)
LEDGER_REQUESTS = Gauge(
    "relay_ledger_requests_today",
    "Requests in the ledger since midnight (UTC), by provider and status",
    ("provider", "status"),
)
LEDGER_TOKENS = Gauge(
    "relay_ledger_tokens_today", "Tokens in the ledger since midnight (UTC), by class", ("class",)
)
SPEND_DRIFT_USD = Gauge(
    "relay_spend_drift_usd",
    "USD by which counters of spending in Redis differ from the ledger and were left so, by "
    "direction (under: Redis has less; over: it has more)",
    ("direction",),
)
COUNTERS_CHECKED = Gauge(
    "relay_counters_checked_seconds",
    "When all counters were last compared with the ledger, in seconds since 1970",
)
LEDGER_COST_USD = Gauge(
    "relay_ledger_cost_usd",
    "USD in the ledger, by period (UTC): day, week, month, total",
    ("period",),
)

PII_PIECES = Counter(
    "relay_pii_pieces_total",
    "Pieces of text that needed the language model, by result (remembered, asked)",
    ("result",),
)
PII_ASKS = Counter(
    "relay_pii_asks_total",
    "Requests of `relay` to `pii`, retries included in one, by result (ok, unavailable)",
    ("result",),
)
PII_CHARACTERS = Counter(
    "relay_pii_characters_total", "Characters that `pii` has analysed, by language", ("language",)
)
PII_BATCH_SECONDS = Histogram(
    "relay_pii_batch_duration_seconds",
    "How long the language model took for a batch of texts (at most 16,000 characters)",
    buckets=_LATENCY_S,
)
PII_WAITING = Gauge("relay_pii_waiting_characters", "Characters that wait for the language model")


def table() -> str:
    """The catalogue as a Markdown table."""
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for metric in REGISTRY:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201 - prints the table for docs/metrics.md
