"""Message streams: `message_start` has the input's figures, `message_delta` the output's."""

from typing import Any

import msgspec

from common.dialects.anthropic.answers import read_usage
from common.dialects.base import text_size
from common.dialects.copying import EventStreamCopy
from common.dialects.events import event_data


class _Message(msgspec.Struct):
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    type: str
    message: _Message | None = None
    delta: dict[str, Any] | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Event)
_STOP = "message_stop"
# The members of deltas that hold output: text, a tool's arguments, thinking.
_OUTPUT = ("text", "partial_json", "thinking")


class MessageStreamCopy(EventStreamCopy):
    """See `common.dialects.base.StreamCopy`. Events go through as they are."""

    def __init__(self) -> None:
        super().__init__()
        self._knows_input = False

    def _copied(self, event: bytes) -> bytes:
        self._read(event)
        return event

    def _read(self, event: bytes) -> None:
        data = event_data(event)
        if not data:
            return
        try:
            read = _decoder.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return  # nothing that Relay understands: the caller may
        if read.type == "content_block_delta":
            for name in _OUTPUT:
                if isinstance(text := (read.delta or {}).get(name), str):
                    self._output_bytes += text_size(text)
        elif read.type == "message_start" and read.message is not None:
            self.served_model = read.message.model
            self._take(bytes(read.message.usage))
        elif read.type == "message_delta":
            # Figures in mid-stream are not the last ones: these come with the stop reason.
            known = self._take(bytes(read.usage)) and self._knows_input
            if known and (read.delta or {}).get("stop_reason") is not None:
                self.reported_complete = True
        elif read.type == _STOP:
            self.saw_terminal = True
        elif read.type == "error":
            self.saw_error = True

    def _take(self, raw: bytes) -> bool:
        usage = read_usage(raw)
        if usage is None:
            return False
        self.reported = usage.over(self.reported)
        self.service_tier = usage.tier or self.service_tier
        self.searches = max(self.searches, usage.searches)
        # Figures are cumulative: the first event's, and the latest over them.
        self.usage = [*self.usage[:1], raw]
        self._knows_input = self._knows_input or usage.input_tokens is not None
        return True
