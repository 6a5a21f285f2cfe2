"""What is asked of every candidate: bodies, concurrency, pace, and which answers are right. Pure.

The mock provider reads its instructions from the content (`native/provider.c`).
"""

import dataclasses
import json
from typing import Any

MODEL = "gpt-4o-mini"
# Accounts of relay's that answer 500 and 429 serve these names first.
FAILING_MODEL, LIMITED_MODEL = "gpt-4o-mini-failing", "gpt-4o-mini-limited"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One kind of load. Durations in seconds; `rate` 0 asks again after each answer."""

    name: str
    title: str
    content: str = "hello"
    stream: bool = False
    model: str = MODEL
    connections: int = 64
    ramp_s: float = 0.0
    warmup_s: float = 0.3
    seconds: float = 2.0
    rate: float = 0.0
    statuses: tuple[str, ...] = ("200",)
    # Chunks of a stream, which all must arrive; 0 for a whole answer.
    chunks: int = 0
    # The names of the candidates that run it; none: every one.
    only: tuple[str, ...] = ()
    # The most rounds of it in one run; long ones are not repeated as often.
    rounds_max: int = 99
    # Anthropic's messages, which relay translates for the mock provider, an OpenAI server.
    translated: bool = False

    @property
    def body(self) -> bytes:
        """The request's JSON."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": self.content}],
        }
        if self.stream:
            body["stream"] = True
        if self.translated:
            body["max_tokens"] = 1024
        elif self.stream:
            body["stream_options"] = {"include_usage": True}
        return json.dumps(body).encode()

    @property
    def unit(self) -> str:
        """What is counted."""
        return "streams" if self.stream else "requests"


def filler(size: int) -> str:
    """So many characters of text that looks like text."""
    words = "The quick brown fox jumps over the lazy dog. "
    return (words * (size // len(words) + 1))[:size]


def paced(open_streams: int, pace_ms: int, chunks: int, **more: Any) -> Scenario:
    """So many streams open at once, a chunk of each every `pace_ms`."""
    lasts_s = pace_ms * chunks / 1000
    defaults: dict[str, Any] = {
        "name": f"paced-{open_streams}",
        "title": f"SSE paced, {open_streams:,} open streams ({chunks} chunks, {pace_ms} ms apart)",
        "content": f"[[mock:stream={chunks},{pace_ms}]]",
        "connections": open_streams,
        "ramp_s": lasts_s,
        "seconds": min(max(lasts_s, 2.0), 4.0),
    }
    return Scenario(stream=True, chunks=chunks, **defaults | more)


def personal(size: int) -> str:
    """Text of that length with an address and a number in it, as a prompt may have them."""
    planted = "Please write to ann.lee@example.com, or call +1 415 555 0132. "
    return planted + filler(size - len(planted))


SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
# The same requests by a key without redaction, and by one whose policy masks every entity.
REDACTED = {f"redacted-{size}": f"personal-{size}" for size in SIZES}
WITH_STREAMS = ("provider", "nginx", "envoy", "relay", "ferrogw")
# A core carries some 10,000 chunks a second (nginx 30,000), so streams that are open a hundred
# times as many have to be as much slower; all these rows are 10,000 chunks a second.
SCENARIOS = (
    Scenario("small", "small chat"),
    Scenario("20k", "20 KB chat", content=filler(20_000)),
    Scenario("1m", "1 MB prompt", content=filler(1_000_000), connections=8),
    Scenario(
        "burst",
        "SSE burst, 50 chunks at once",
        content="[[mock:stream=50]]",
        stream=True,
        chunks=50,
    ),
    paced(100, 10, 50),
    paced(1000, 100, 50, only=WITH_STREAMS),
    paced(5000, 500, 20, only=("provider", "nginx", "relay"), rounds_max=1),
    Scenario(
        "rate-100",
        "small chat, 100 requests/s",
        rate=100,
        seconds=4,
        only=("nginx", "relay", "ferrogw"),
    ),
    Scenario("translated", "small chat, translated", only=("relay",), translated=True),
    Scenario(
        "translated-burst",
        "SSE burst, translated",
        content="[[mock:stream=50]]",
        stream=True,
        chunks=50,
        only=("relay",),
        translated=True,
    ),
    paced(
        100,
        10,
        50,
        name="translated-paced",
        title="SSE paced, 100 open streams, translated",
        only=("relay",),
        translated=True,
    ),
    Scenario("cached", "small chat, kept by the response cache", only=("relay",)),
    Scenario(
        "cached-burst",
        "SSE burst, kept by the response cache",
        content="[[mock:stream=50]]",
        stream=True,
        chunks=50,
        only=("relay",),
    ),
    *(
        Scenario(
            f"{kind}-{name}",
            f"{size // 1000} KB chat{', redacted' if kind == 'redacted' else ''}",
            content=personal(size),
            connections=8,
            only=("relay",),
        )
        for name, size in SIZES.items()
        for kind in ("personal", "redacted")
    ),
    Scenario("limited", "small chat, limits and budgets on three levels", only=("relay",)),
    Scenario("storm-key", "429 storm: the key's own limit", only=("relay",), statuses=("429",)),
    Scenario(
        "failover-500",
        "failover: the first account answers 500",
        only=("relay",),
        model=FAILING_MODEL,
    ),
    Scenario(
        "failover-429",
        "failover: the first account answers 429",
        only=("relay",),
        model=LIMITED_MODEL,
    ),
    Scenario(
        "storm-provider",
        "429 storm: the only account's provider",
        only=("relay",),
        content="[[mock:status=429]]",
        statuses=("429", "503"),
    ),
)
# Each translated scenario and the same one in the provider's own dialect.
TRANSLATED = {
    "translated": "small",
    "translated-burst": "burst",
    "translated-paced": "paced-100",
}
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def request_bytes(scenario: Scenario, host: str, path: str, headers: dict[str, str]) -> bytes:
    """The whole HTTP request."""
    body = scenario.body
    lines = [
        f"POST {path} HTTP/1.1",
        f"host: {host}",
        "content-type: application/json",
        "accept: */*",
        "user-agent: benchmark",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"content-length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
