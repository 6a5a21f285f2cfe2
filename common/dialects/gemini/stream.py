"""Streams of `streamGenerateContent?alt=sse`: each event an answer with what is new.

There is no last event by name: a stream has ended when each candidate has its reason to finish, or
the prompt was refused. Figures are cumulative, and those of the last event are the whole.
"""

from common.dialects.copying import EventStreamCopy
from common.dialects.events import event_data
from common.dialects.gemini.answers import UNFINISHED, Generated, read_generated, read_tier
from common.dialects.gemini.tokens import UsageMetadata, decode_usage


class GenerateStreamCopy(EventStreamCopy):
    """See `common.dialects.base.StreamCopy`. Events go through as they are."""

    def __init__(self, choices: int = 1) -> None:
        super().__init__()
        self._choices = choices
        self._finished: set[int] = set()
        self._searches: dict[int, int] = {}
        self._usage = UsageMetadata()

    def _copied(self, event: bytes) -> bytes:
        data = event_data(event)
        # An error comes as plain lines of JSON when it comes in mid-stream (HttpResponse in
        # python-genai).
        if not data and event.lstrip().startswith(b"{"):
            data = event
        read = read_generated(data) if data else None
        if read is not None:
            self._take(read)
        return event

    def _take(self, read: Generated) -> None:
        if read.error is not None:
            self.saw_error = True
            return
        self.served_model = read.model_version or self.served_model
        for place, candidate in enumerate(read.candidates or ()):
            index = place if candidate.index is None else candidate.index
            self._output_bytes += candidate.output_bytes
            if candidate.searches:
                self._searches[index] = max(candidate.searches, self._searches.get(index, 0))
                self.searches = sum(self._searches.values())
            if candidate.finish_reason not in UNFINISHED:
                self._finished.add(index)
        if len(self._finished) >= self._choices or read.is_blocked:
            self.saw_terminal = True
        self._take_usage(bytes(read.usage_metadata))

    def _take_usage(self, raw: bytes) -> None:
        usage = decode_usage(raw)
        if usage is None:
            return
        merged = usage.over(self._usage)
        tokens = merged.tokens()
        if not tokens.is_plausible:
            return
        self._usage, self.reported = merged, tokens
        self.service_tier = read_tier(raw) or self.service_tier
        # Figures are cumulative: the first event's, and the latest over them.
        self.usage = [*self.usage[:1], raw]
        if self.saw_terminal and merged.prompt_token_count is not None:
            self.reported_complete = True
