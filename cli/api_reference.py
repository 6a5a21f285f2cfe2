"""docs/api.md, made of the code: `python -m cli.api_reference > docs/api.md`.

A test holds that the file is what this prints.
"""

from typing import Any

from common.dialects import OPERATIONS as DIALECT_OPERATIONS
from functions.key_admin.application import OPERATIONS
from functions.key_admin.openapi import document
from functions.key_admin.operation import Operation
from functions.relay.endpoints import ENDPOINTS, Endpoint

_HEAD = """# API

Made of the code by `python -m cli.api_reference`; do not edit by hand.

Two APIs stand behind one address: the **data plane** (`/v1`, `/v1beta`), which speaks the
providers' own dialects and takes Relay's API keys, and the **admin API** (`/internal`), which takes
the master key and tokens. The running installation shows the second at `/docs`, as OpenAPI 3.1 at
`/internal/openapi.json`.

Every answer carries `x-request-id`: a ULID, the same in logs, events, the ledger and the audit
trail.

## Data plane

The key goes into `Authorization: Bearer`, `x-api-key`, `api-key` or `x-goog-api-key`; in Gemini's
dialect also into `?key=`, which no log has. Gemini's methods stand below `/v1/models/` too, which
Google's newer clients ask for; streams are events (`alt=sse`), as those clients ask for them.

| call | scope | dialect | body | metered |
|---|---|---|---|---|
"""

_NOTES = """
### What crosses Relay, and what does not

- **Any dialect to any provider.** An account whose provider speaks the dialect gets the caller's
  own bytes. Any other gets a conversation (chat, Responses, messages, `generateContent`)
  translated, and so does the caller the answer, whole or streamed, and the provider's errors, with
  their status and words. What a provider's format cannot express is refused (400, naming the
  caller's field) unless another account can be told; nothing is charged. What a provider keeps
  (`background`, `previous_response_id`, batches) and everything that is no conversation goes only
  to providers of the dialect.
- **Bytes go through untouched** there, in both directions, unknown members included. Three things
  are edited, each as a span of the original bytes: the model's name where an account maps it, a
  request for usage figures in OpenAI chat and completion streams that do not ask themselves (what
  comes of it is taken out again), and under a hard budget the output cap ([limits.md](limits.md)).
- **Request headers**: `anthropic-beta`, `anthropic-version`, `openai-beta`, `user-agent` and the
  SDKs' `x-stainless-*` go to the provider, `idempotency-key` as a hash with the tenant, because
  tenants share accounts; everything else stays.
- **Response headers** come through but for hop-by-hop ones, cookies, the account's identity and its
  own rate limits, which are shared by many callers; `x-ratelimit-*` and `anthropic-ratelimit-*` are
  Relay's own figures, where the key has limits per minute.
  `x-relay-account` is the id of the account that answered, `x-relay-provider` its provider,
  `x-relay-model` the account's name for the model, `x-relay-attempts` how many accounts were asked.
  Of a translated answer the provider's own headers stay here. Where a policy keeps answers,
  `x-relay-cache` says `hit`, `miss` or `bypass`, and of a hit `age` its seconds; a request chooses
  by `x-relay-cache` (`on`, `off`, `refresh`) and `x-relay-cache-ttl` ([caching.md](caching.md)).
- **Models**: an account serves the names that it lists, whole or as globs, or any if it lists none.
  `GET /v1/models` shows the listed names, and of globs and accounts without a list what the price
  book knows. Asked first are accounts that name the model, then those without a list; among
  either, the smaller `priority`; among equals, the fewest open requests for its `weight`
  ([routing.md](routing.md)). An account
  without a list is asked in another dialect than its own for what the price book knows as its
  provider's; then no other provider without a list is asked for that.
- **Bodies** have at most 32 MiB. JSON is read whole before anything is asked; forms of more than
  1 MiB are passed on while they arrive (put `model` before the file, as the SDKs do), and then only
  one account is asked. Answers stream.
- A body is checked for what routing and metering read (`model`, caps, `stream`); the rest is the
  provider's to check, and its errors come through as they are. A member or a field that is one of
  those but for its case (`"Model"`), or that is given more than once, is refused (400, `param`
  names it): some servers would read it, or the first one.

### Errors

In the caller's dialect: OpenAI `{"error": {"message", "type", "param", "code"}}`, Anthropic
`{"type": "error", "error": {"type", "message"}, "request_id"}`, Gemini
`{"error": {"code", "message", "status", "details"}}`. `code` (OpenAI) and `error_code` in
the ledger use one closed list of words. What a repetition cannot cure says
`x-should-retry: false`, because the official SDKs repeat every 429 and 5xx; what it can, says
`retry-after`.

| status | when |
|---|---|
| 400 | the body is no JSON or form, lacks a member, or has a wrong one: `param` names it |
| 401 | the key is missing, unknown, revoked or expired |
| 403 | the key lacks the scope, or may not use the model |
| 404 | no such path, or no account serves the model; a stored response of somebody else |
| 408 | the body did not come in time |
| 405, 413, 415 | the method, the size, the media type; `allow` and the message say what is taken |
| 402 | Anthropic's and Gemini's dialects: a budget is exhausted |
| 429 | a limit or budget (`error.limit` names it); the account is limited; all are busy |
| 502 | the provider failed, gave no answer of its API, or refused the account's credential |
| 503 | Redis is away, `rebuilding` its key table, or every account rests after failures |
| 504 | the provider did not answer in time |

### Streams

Whole events only, as they arrive. A stream that cannot go on ends with its dialect's error event
(chat: a `data` event with `error`; Responses and Anthropic: an `error` event), never with something
that looks like an end. Quiet streams carry a keep-alive between two events (`: keep-alive`,
Anthropic's `ping`) after the provider's first event. Raw audio that breaks off ends with the
connection.

### Stored responses

A response that OpenAI stores belongs to the account that made it: reading, cancelling, deleting it
and going on from it (`previous_response_id`) go there, for 31 days, for the same team (or key,
where it has none). None of it is billed again.

### Responses in the background, batches

`background: true` on `/v1/responses`, streamed or not, `/v1/messages/batches` and `/v1/batches` go
on at the provider after they were answered. What they may cost at most stays reserved until it
says what they used ([limits.md](limits.md#jobs)): then one record is posted under the
`x-request-id` of the call that began them; a batch's has the sums of all its requests, at half the
price. Reading one that has ended settles it at once; `cleanup` settles those that nobody reads,
within minutes. What is still in progress cannot be deleted (400): cancel it first.

A message batch has at most 10,000 requests and 32 MiB, all of one model, and needs the scope
`messages` or `chat`; its `results_url` is Relay's. The list of batches is the team's own (or
key's), newest first, with `limit` up to 100, `after_id`, `before_id`.

### OpenAI's files and batches

`POST /v1/files` passes a form of up to 32 MiB on as it arrives, to the account that keeps the files
of the caller's team (or key, where it has none), one of OpenAI's before compatible servers. A file
can be listed, read and deleted by that team only, for 31 days; any key may have some, since they
use nothing. They are meant for batches: a `file_id` inside of another request is passed on unseen,
to whichever account serves it, so who knows an id can use it there.

`POST /v1/batches` reads the file first: at most 10,000 requests, all of one model and of the
`endpoint`, chats, completions, responses, embeddings or moderations, whose scope the key needs.
Streams, `background`, `previous_response_id` and a model that the account maps to another name are
refused (400, naming the line). Under a hard budget each request needs an output cap, and the worst
cases of all are reserved; the batch is billed by its output file, request by request, at the price
of batches, in one record. Its output and error files are the team's as soon as the batch was read.
Lists are the team's own, newest first, with `limit` up to 100 and `after`.

### Receipts

| call | answer |
|---|---|
| `GET /v1/usage/{request_id}` | what one request used and cost; 202 until it is in the ledger |
| `GET /v1/usage` | the key's own, newest first: `since`, `until`, `limit` (to 500), `cursor` |

`x-request-id` of any answer is the `request_id`. Any key may ask of its own requests, whatever its
scopes; [receipts.md](receipts.md) has all members. Errors are in the caller's dialect.

### What is free, and what is not known

`/v1/messages/count_tokens` and `/v1/moderations` are recorded with no tokens. Images and audio are
recorded with the tokens that the provider reports; where it reports none (whisper counts seconds,
dall-e images), the record says `estimated`. A model without a price is refused (404), or
with `unpriced_models: quarantine` served, recorded as `unpriced` at $0 and priced later.

## Admin API

`Authorization: Bearer` with the master key, a service account's token or a session's access token;
or a browser's session ([sign-in.md](sign-in.md)). Under each call stands for whom it is (403 for
others); what its caller may not see is not there (404). Lists are `{"items", "next_cursor"}`,
newest first. Errors are problem details (RFC 9457) with `request_id` and
`errors: [{"field", "message"}]`. A name that is not known is an error, in a body and in a query.
`Idempotency-Key`: the same call again gets the same answer for 15 minutes, then 409. `ETag` and
`If-Match`: 412 when somebody was faster. `redaction`, `content_policy` and `response_cache`:
[privacy.md](privacy.md#how-policies-are-set).
"""


def reference() -> str:
    """The whole file."""
    rows = "".join(_route(endpoint) for endpoint in ENDPOINTS)
    schemas = document(OPERATIONS)
    tags = list(dict.fromkeys(operation.tag for operation in OPERATIONS))
    sections = "".join(_section(tag, schemas) for tag in tags)
    return _HEAD + rows + _NOTES + sections


def _route(endpoint: Endpoint) -> str:
    operation = DIALECT_OPERATIONS.get(endpoint.name)
    calls = ", ".join(f"`{method} {endpoint.path}`" for method in endpoint.methods)
    metered = "yes" if endpoint.kind == "forward" else f"no: {endpoint.unmetered_because}"
    dialect = endpoint.dialect or "the caller's"
    body = operation.media_type if operation is not None else "none"
    return f"| {calls} | {endpoint.scope or 'any'} | {dialect} | {body} | {metered} |\n"


def _section(tag: str, schemas: dict[str, Any]) -> str:
    entries = "".join(
        _entry(operation, schemas) for operation in OPERATIONS if operation.tag == tag
    )
    return f"\n### {tag}\n{entries}"


def _entry(operation: Operation, schemas: dict[str, Any]) -> str:
    described = schemas["paths"][operation.path][operation.method.lower()]
    statuses = ", ".join(described["responses"])
    text = f"\n#### `{operation.method} {operation.path}`\n\n"
    text += f"{operation.summary}. {described['description']}\n\n"
    if described["parameters"]:
        text += "| parameter | in | type |\n|---|---|---|\n"
        for one in described["parameters"]:
            text += f"| `{one['name']}` | {one['in']} | {_kind(one['schema'])} |\n"
        text += "\n"
    for words, model in (("Body", operation.body), ("Answer", operation.answer)):
        if model is not None:
            text += f"{words}:\n\n| member | type |\n|---|---|\n"
            schema = schemas["components"]["schemas"][model.__name__]
            text += _members(schema, sent=model is operation.body)
            text += "\n"
    return f"{text}Statuses: {statuses}.\n"


def _members(schema: dict[str, Any], *, sent: bool) -> str:
    required = schema.get("required", []) if sent else []
    rows = ""
    for name, described in schema.get("properties", {}).items():
        needed = ", required" if name in required else ""
        words = described.get("description", "")
        rows += f"| `{name}` | {_kind(described)}{needed}{'; ' + words if words else ''} |\n"
    return rows


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        text = " or ".join(_kind(one) for one in schema["anyOf"])
    elif "enum" in schema:
        text = ", ".join(f"`{value}`" for value in schema["enum"])
    elif schema.get("type") == "array":
        text = f"list of {_kind(schema.get('items', {}))}"
    else:
        text = str(schema.get("format") or schema.get("type", "any"))
    default = schema.get("default")
    return f"{text}, default `{default}`" if default not in (None, [], {}, "") else text


if __name__ == "__main__":
    print(reference(), end="")
