"""Answers of /v1/responses: one JSON body, or its own kinds of events made one at a time."""

import math
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from echo_provider.ask import Answer, Usage, plan
from echo_provider.events import Event, named_event, template
from echo_provider.faults import Faults
from echo_provider.openai_answers import joined
from echo_provider.output import EchoedText, Output
from echo_provider.refusals import Refusal, encoded, openai_error
from echo_provider.replies import Manner, Pieces, Reply, Wanted
from echo_provider.responses_requests import SIGNATURE_KIND, ResponseAsk, parse_response
from echo_provider.responses_store import Conversation, ResponseStore, stored_response, unfinished
from echo_provider.signatures import signed
from echo_provider.tokens import count_tokens

# An event that breaks off within its JSON.
GARBAGE_EVENT = b'event: response.output_text.delta\ndata: {"type":"response.output_te\n\n'
# Stands for the text that differs from event to event; no text of an answer goes through it.
_PLACEHOLDER = "\0echo"
_FAILURE = "The server had an error processing your request. Sorry about that!"

# An event before it gets its number: its name, its JSON, and the tokens in it.
_Piece = tuple[str, bytes, int]


def responses_parser(store: ResponseStore) -> Callable[[dict[str, Any]], Wanted]:
    """The endpoint's `parse`, for the responses of one server."""

    def parse(body: dict[str, Any]) -> Wanted:
        asked = parse_response(body, store)

        def reply(faults: Faults, text: str) -> Reply:
            if faults.background_ms and not asked.background:
                raise Refusal(400, "echo: fault 'background_ms' is for background responses only")
            answer = plan(asked.ask, faults, text)
            return _Generation(asked, answer, faults, store).reply()

        manner: Manner = "events" if asked.ask.stream else "whole"
        return Wanted(text=asked.ask.text, reply=reply, manner=manner)

    return parse


class _Generation:
    """One response: its ids, its output, and what becomes of it."""

    def __init__(
        self, asked: ResponseAsk, answer: Answer, faults: Faults, store: ResponseStore
    ) -> None:
        self._asked = asked
        self._answer = answer
        self._choice = answer.choices[0]
        self._faults = faults
        self._store = store
        self._id = _new_id("resp")
        self._created = int(time.time())
        self._cut = self._choice.finish == "limit"
        self._reasoning = _reasoning_item(asked, answer)
        self._message = {"id": _new_id("msg"), "type": "message"}
        self._calls = [
            {
                "id": _new_id("fc"),
                "type": "function_call",
                "call_id": f"call_{secrets.token_hex(12)}",
                "name": call.name,
                "arguments": call.arguments,
                "status": "completed",
            }
            for call in self._choice.calls
        ]
        if self._cut and self._calls:
            self._calls[-1]["status"] = "incomplete"

    def reply(self) -> Reply:
        """The reply to send."""
        stream = self._asked.ask.stream
        error_after = self._faults.error_after or 0

        def error_event(refusal: Refusal, request_id: str) -> bytes:  # noqa: ARG001
            # So it comes over the wire, whatever the reference says (openai-dotnet issue 881).
            body = {"type": "error", **openai_error(refusal), "sequence_number": error_after}
            return named_event("error", encoded(body))

        pieces = Pieces(make=self._events, error_event=error_event, garbage_event=GARBAGE_EVENT)
        return Reply(whole=self._whole, usage=self._answer.usage, pieces=pieces if stream else None)

    def _whole(self) -> bytes:
        body = self._ended()
        if not self._asked.background:
            self._keep(body, 0.0)
            return encoded(body)
        self._keep(body, self._background_end())
        return encoded(unfinished(body, "queued"))

    def _background_end(self) -> float:
        return time.monotonic() + self._faults.background_ms / 1000

    def _keep(self, body: dict[str, Any], ends_at: float) -> None:
        """Keep the response if that is wanted, with the conversation as it stands after it."""
        if not self._asked.store:
            return
        after = Conversation(
            tokens=self._asked.before.tokens + self._choice.tokens,
            open_calls=tuple(call["call_id"] for call in self._calls),
        )
        self._store.put(self._id, stored_response(body, self._asked.items, after, ends_at))

    def _begun(self, status: str) -> dict[str, Any]:
        """The response object while there is nothing in it."""
        head = {"id": self._id, "object": "response", "created_at": self._created}
        return unfinished({**head, "status": status, **self._asked.fields}, status)

    def _ended(self) -> dict[str, Any]:
        """The response object at its end."""
        if self._faults.failed is not None:
            error = {"code": self._faults.failed, "message": _FAILURE}
            return self._begun("failed") | {"error": error}
        status = "incomplete" if self._cut else "completed"
        usage = response_usage(self._answer.usage) if self._answer.reported else None
        end: dict[str, Any] = {"usage": usage, "output": self._output(status)}
        if self._cut:
            end["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            end["completed_at"] = int(time.time())
        return self._begun(status) | end

    def _output(self, status: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if self._answer.usage.reasoning:
            items.append(self._reasoning)
        if self._choice.text is not None:
            items.append(self._message_item(status, [_text_part(joined(self._choice.text))]))
        return items + self._calls

    def _message_item(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return self._message | {"status": status, "role": "assistant", "content": content}

    def _events(self) -> Iterator[Event]:
        """All events, numbered from 0."""
        for number, (name, body, tokens) in enumerate(self._pieces()):
            data = b'%b,"sequence_number":%d}' % (body[:-1], number)
            yield Event(named_event(name, data), tokens)

    def _pieces(self) -> Iterator[_Piece]:
        background = self._asked.background
        first = self._begun("queued" if background else "in_progress")
        ends_at = self._background_end() if background else math.inf
        self._keep(self._ended() if background else first, ends_at)
        yield _piece("response.created", {"response": first})
        if background:
            yield _piece("response.queued", {"response": first})
        yield _piece("response.in_progress", {"response": self._begun("in_progress")})
        yield from self._output_pieces()
        body = self._ended()
        if not background:
            self._keep(body, 0.0)
        yield _piece(f"response.{body['status']}", {"response": body})

    def _output_pieces(self) -> Iterator[_Piece]:
        status = "incomplete" if self._cut else "completed"
        index = 0
        if self._answer.usage.reasoning:
            opened = {"output_index": 0, "item": self._reasoning | {"summary": []}}
            yield _piece("response.output_item.added", opened)
            for part in self._reasoning["summary"]:
                yield from self._summary_pieces(part)
            thought = {"output_index": 0, "item": self._reasoning}
            yield _piece("response.output_item.done", thought)
            index += 1
        if self._choice.text is not None:
            yield from self._message_pieces(index, self._choice.text, status)
            index += 1
        for number, call in enumerate(self._calls):
            yield from self._call_pieces(index + number, call)

    def _summary_pieces(self, part: dict[str, Any]) -> Iterator[_Piece]:
        place = {"item_id": self._reasoning["id"], "output_index": 0, "summary_index": 0}
        name = "response.reasoning_summary"
        yield _piece(f"{name}_part.added", place | {"part": part | {"text": ""}})
        yield _piece(f"{name}_text.delta", place | {"delta": part["text"]})
        yield _piece(f"{name}_text.done", place | {"text": part["text"]})
        yield _piece(f"{name}_part.done", place | {"part": part})

    def _message_pieces(self, index: int, text: Output, status: str) -> Iterator[_Piece]:
        place = {"item_id": self._message["id"], "output_index": index, "content_index": 0}
        opened = self._message_item("in_progress", [])
        yield _piece("response.output_item.added", {"output_index": index, "item": opened})
        yield _piece("response.content_part.added", place | {"part": _text_part("")})
        name = "response.output_text.delta"
        fields = {"type": name, **place, "delta": _PLACEHOLDER, "logprobs": []}
        render = template(fields, _PLACEHOLDER)
        for part in text.parts(self._answer.parts):
            yield name, render(part.text), part.tokens
        whole = joined(text)
        yield _piece("response.output_text.done", place | {"text": whole, "logprobs": []})
        yield _piece("response.content_part.done", place | {"part": _text_part(whole)})
        item = self._message_item(status, [_text_part(whole)])
        yield _piece("response.output_item.done", {"output_index": index, "item": item})

    def _call_pieces(self, index: int, item: dict[str, Any]) -> Iterator[_Piece]:
        opened = item | {"arguments": "", "status": "in_progress"}
        added = {"output_index": index, "item": opened}
        yield _piece("response.output_item.added", added, count_tokens(item["name"]))
        place = {"item_id": item["id"], "output_index": index}
        name = "response.function_call_arguments.delta"
        render = template({"type": name, **place, "delta": _PLACEHOLDER}, _PLACEHOLDER)
        for part in EchoedText(item["arguments"], None).parts(self._answer.parts):
            yield name, render(part.text), part.tokens
        done = place | {"arguments": item["arguments"]}
        yield _piece("response.function_call_arguments.done", done)
        yield _piece("response.output_item.done", {"output_index": index, "item": item})


def response_usage(usage: Usage) -> dict[str, Any]:
    """The figures of a response: `input_tokens` holds what came from the cache."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def _reasoning_item(asked: ResponseAsk, answer: Answer) -> dict[str, Any]:
    item: dict[str, Any] = {"id": _new_id("rs"), "type": "reasoning", "summary": []}
    if answer.thoughts is not None:
        item["summary"] = [{"type": "summary_text", "text": joined(answer.thoughts)}]
    if asked.encrypted:
        item["encrypted_content"] = signed(SIGNATURE_KIND)
    return item


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _piece(name: str, fields: dict[str, Any], tokens: int = 0) -> _Piece:
    return name, encoded({"type": name, **fields}), tokens


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(24)}"
