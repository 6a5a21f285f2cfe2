"""A test call of an account: what its provider answers, told as it comes.

`key_admin` holds the encryption keys, since it seals; so it opens the credential as `relay` does,
and asks by the same code: address, signature, token, proxy and headers are those of a request.
Nothing is admitted or billed here: the provider bills its account for a few tokens.
"""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from common.accounts import UsableAccount
from common.domain.credentials import Credential, secrets_of
from common.providers.base import Ask, Call, judge

TIMEOUT_MS = 60_000
BODY_CHARACTERS_MAX = 4_000
EVENTS_MAX = 200
_ENDPOINT = "chat.completions"
_STREAM = "text/event-stream"
_FRAMED = "application/vnd.amazon.eventstream"


def conversation(target: str, model: str, prompt: str, most_tokens: int) -> dict[str, Any]:
    """The smallest conversation in a provider's format. Raises `LookupError` for another format."""
    text = [{"text": prompt}]
    match target:
        case "openai.chat":
            said = [{"role": "user", "content": prompt}]
            options = {"stream": True, "max_completion_tokens": most_tokens}
            return {"model": model, "messages": said, **options}
        case "anthropic.messages":
            said = [{"role": "user", "content": prompt}]
            return {"model": model, "messages": said, "stream": True, "max_tokens": most_tokens}
        case "gemini.generate":
            options = {"maxOutputTokens": most_tokens}
            return {"contents": [{"role": "user", "parts": text}], "generationConfig": options}
        case "bedrock.converse":
            options = {"maxTokens": most_tokens}
            return {"messages": [{"role": "user", "content": text}], "inferenceConfig": options}
    raise LookupError(target)


def text_of(event: Any) -> str:
    """What an event of any of these formats adds to the answer's text; empty for all others."""
    match event:
        case {"choices": [{"delta": {"content": str(text)}}, *_]}:
            return text
        case {"delta": {"text": str(text)}}:
            return text
        case {"candidates": [{"content": {"parts": [*parts]}}, *_]}:
            found = (one.get("text") for one in parts if isinstance(one, dict))
            return "".join(text for text in found if isinstance(text, str))
    return ""


async def trial(
    account: UsableAccount, model: str, prompt: str, most_tokens: int, request_id: str
) -> AsyncIterator[bytes]:
    """Lines of JSON: what is asked, what comes, and `done` with `ok`.

    No line holds a secret of the account, even where the provider's own words do.
    """
    started = time.perf_counter()
    hide = _Hiding(account.credential)

    def line(event: str, **members: Any) -> bytes:
        return hide(msgspec.json.encode({"event": event, **members})) + b"\n"

    ok = False
    async for event, members in _events(account, model, prompt, most_tokens, request_id):
        ok = event == "answered" or (ok and event != "failed")
        yield line(event, **members)
    yield line("done", ok=ok, ms=round((time.perf_counter() - started) * 1000))


async def _events(
    account: UsableAccount, model: str, prompt: str, most_tokens: int, request_id: str
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    from common.providers import PROVIDERS
    from common.providers.headers import to_provider
    from common.providers.http import UpstreamClient, UpstreamFailed

    provider = PROVIDERS[account.provider]
    target = provider.target(account, _ENDPOINT, model) or ""
    body = msgspec.json.encode(conversation(target, model, prompt, most_tokens))
    own = [(b"content-type", b"application/json")]
    client = UpstreamClient()
    try:
        token = await provider.credential(account, client)
        headers = to_provider(own, request_id, account.provider, "")
        ask = Ask(target, model, body, headers, stream=True, now_s=time.time())
        call = provider.call(account, ask, token)
        told = {"provider": account.provider, "model": model, "format": target, "url": call.url}
        yield "asked", told | {"egress_proxy": account.egress or None}
        async for event in _exchanged(client, account, call):
            yield event
    except UpstreamFailed as failed:
        failure = failed.failure
        yield "failed", {"message": failure.message, "reason": failure.reason.value}
    finally:
        await client.close()


async def _exchanged(
    client: Any, account: UsableAccount, call: Call
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    started = time.perf_counter()
    exchange = client.call(call, account.provider, timeout_ms=TIMEOUT_MS)
    try:
        await exchange.open()
        status, kind = exchange.status, exchange.header("content-type") or ""
        head = {"status": status, "ms": round((time.perf_counter() - started) * 1000)}
        if status != 200 or not kind.startswith((_STREAM, _FRAMED)):
            yield "refused", head | {"body": _text(await exchange.read_all())}
            failure = judge(status, exchange.header("retry-after"), account.provider)
            message = f"{account.provider} answered with status {status} and no stream"
            yield "failed", {"message": failure.message if failure is not None else message}
            return
        yield "answered", head
        cutter = _cutter(kind, call.url)
        told = 0
        while (chunk := await exchange.read_chunk()) is not None:
            for data in cutter(chunk):
                told += 1
                if told <= EVENTS_MAX:
                    yield "data", _told(data)
        if not told:
            yield "failed", {"message": f"{account.provider} answered with an empty stream"}
    except ValueError as error:
        yield "failed", {"message": f"{account.provider} streams what cannot be read: {error}"}
    finally:
        await exchange.close()


def _cutter(kind: str, url: str) -> Any:
    """Reads the data of each event, however the provider frames them."""
    from common.dialects.bedrock.framing import Unframed
    from common.dialects.events import EventCutter, event_data

    events = EventCutter()
    unframed = Unframed(invoked="/invoke" in url) if kind.startswith(_FRAMED) else None

    def cut(chunk: bytes) -> Iterator[bytes]:
        for event in events.feed(unframed.feed(chunk) if unframed is not None else chunk):
            if data := event_data(event):
                yield data

    return cut


def _told(data: bytes) -> dict[str, Any]:
    """An event's JSON, or its text where it has none (`[DONE]`), and what it says."""
    try:
        event = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"data": _text(data)}
    text = text_of(event)
    return {"data": event} | ({"text": text} if text else {})


def _text(data: bytes) -> str:
    return data[: BODY_CHARACTERS_MAX * 4].decode(errors="replace")[:BODY_CHARACTERS_MAX]


class _Hiding:
    """Takes an account's secrets out of what is told: some servers repeat a key that is wrong."""

    def __init__(self, credential: Credential) -> None:
        self._secrets = [msgspec.json.encode(one)[1:-1] for one in secrets_of(credential)]

    def __call__(self, told: bytes) -> bytes:
        for secret in self._secrets:
            told = told.replace(secret, b"***")
        return told
