"""CPU to read a chat request's body, relative to decoding its members alone.

    python -m benchmarks.body_reading

What comes on top is the look at the names of all members (`common.dialects.bodies.check_names`).
"""

import json
import time
from collections.abc import Callable

from common.dialects import OPERATIONS
from common.dialects.openai.chat import _chat_decoder

TURNS = (1, 10, 100, 1000)
ROUNDS = 7
REPEATED = 50


def best_us(work: Callable[[bytes], object], body: bytes) -> float:
    """The least of some rounds, in microseconds a call."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(REPEATED):
            work(body)
        times.append((time.perf_counter() - began) / REPEATED * 1e6)
    return min(times)


def main(arguments: list[str]) -> None:
    """Print a line for each size."""
    del arguments
    for turns in TURNS:
        turn = {"role": "user", "content": "hello my world, " * 35}
        body = json.dumps({"model": "gpt-x", "messages": [turn] * turns}).encode()
        alone = best_us(_chat_decoder.decode, body)
        read = best_us(OPERATIONS["chat.completions"].parse_request, body)
        print(f"{len(body):>8} bytes: {read / alone:.2f} times the decoding of {alone:.1f} us")


if __name__ == "__main__":
    main([])
