"""The language model of `pii` beside Presidio's analyzer on the same model: how well, how fast.

Figures are of CPU time (user and system) of this process, one core. Needs `requirements/pii.txt`,
and for Presidio's columns `pip install presidio-analyzer==2.2.363`.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from thinc.api import get_current_ops

from benchmarks.redaction.peers import Presidio, presidio_engine
from benchmarks.redaction.scoring import Span, score, total
from benchmarks.redaction.sentences import Sentence, names
from common.pii.finder import PiiFinder
from common.pii.memory import Memory
from common.pii.wire import Findings
from common.pii_settings import DEFAULT_MODELS
from common.redaction.entities import MODEL_ENTITIES
from common.redaction.pieces import pieces
from common.state.found_spans import FoundSpans
from functions.pii.model import LanguageModel
from functions.pii.recognizers import find

Analyse = Callable[[str], list[Span]]
THRESHOLD = 0.5
# What both look for; of a date Presidio does not say that somebody was born then.
COMMON = {name: name for name in ("PERSON", "LOCATION", "NRP", "ORGANIZATION")}
TEXTS = 128
BATCH = 16
TEXT_CHARACTERS = 1_000
TURNS = 50


def run(*, wrong: bool) -> None:
    """Print all tables."""
    texts = names()
    traps = sum(not one.spans for one in texts)
    print(f"{len(texts)} sentences for the language model, {traps} with nothing to find\n")
    [(language, package)] = DEFAULT_MODELS.items()
    model = LanguageModel(language, package)
    own = analyser(model)
    _print_scores("pii", texts, own, sorted(MODEL_ENTITIES))
    presidio = presidio_engine(COMMON)
    if presidio is None:
        print("Presidio is not installed.\n")
    else:
        known = sorted(presidio.entities)
        _print_scores("pii, entities of both", texts, own, known)
        _print_scores("Presidio", texts, presidio.at(0.0), known)
    _print_speed(model, own, presidio)
    _print_conversation(model)
    if wrong:
        _print_wrong(texts, own)


def analyser(model: LanguageModel) -> Analyse:
    """What `relay` gets for a text at the default threshold."""

    def analyse(text: str) -> list[Span]:
        return [
            (piece.start + one.start, piece.start + one.end, one.entity)
            for piece in pieces(text)
            for one in find(piece.text, model.labels([piece.text])[0])
            if one.score >= THRESHOLD
        ]

    return analyse


def one_kilobyte_texts() -> list[str]:
    """Different texts of 1,000 characters: sentences of the set, with and without names."""
    sentences = [one.text for one in names()]
    found = []
    for number in range(TEXTS):
        text = f"Note {number}. "
        chosen = number
        while len(text) < TEXT_CHARACTERS:
            chosen = (chosen * 31 + 17) % len(sentences)
            text += sentences[chosen] + " "
        found.append(text[:TEXT_CHARACTERS])
    return found


def _print_speed(model: LanguageModel, own: Analyse, presidio: Presidio | None) -> None:
    """Who is measured takes turns, so that a busy machine is busy for all of them."""

    def own_batch(texts: Sequence[str]) -> None:
        for text, labels in zip(texts, model.labels(texts), strict=True):
            find(text, labels)

    alone: dict[str, Analyse] = {"pii": own}
    together: dict[str, Callable[[Sequence[str]], object]] = {"pii": own_batch}
    if presidio is not None:
        alone["Presidio"], together["Presidio"] = presidio.at(0.0), presidio.batch()
    spent: dict[str, list[float]] = {name: [] for name in alone}
    batches: dict[str, list[float]] = {name: [] for name in alone}
    texts = one_kilobyte_texts()
    for start in range(0, TEXTS, BATCH):
        some = texts[start : start + BATCH]
        for name, analyse in alone.items():
            with _own_kernels(name):
                spent[name] += [_cpu_seconds(analyse, text) for text in some]
                batches[name].append(_cpu_seconds(together[name], some))
    print("| 1 KB, CPU | texts/s, 16 at once | texts/s, one by one | p50, ms | p99, ms |")
    print("|---|---|---|---|---|")
    for name in alone:
        p50, p99 = (statistics.quantiles(spent[name], n=100)[n - 1] * 1e3 for n in (50, 99))
        figures = [TEXTS / sum(batches[name]), TEXTS / sum(spent[name])]
        print(f"| {name} | {figures[0]:.1f} | {figures[1]:.1f} | {p50:.0f} | {p99:.0f} |")
    print()


def _cpu_seconds(analyse: Callable[[Any], object], given: object) -> float:
    start = time.process_time()
    analyse(given)
    return time.process_time() - start


@contextlib.contextmanager
def _own_kernels(name: str) -> Iterator[None]:
    """Presidio multiplies by what spaCy chooses, `pii` by what it has chosen itself."""
    ops = get_current_ops()
    ops.use_blis, chosen = name != "pii", ops.use_blis
    try:
        yield
    finally:
        ops.use_blis = chosen


class _Service:
    """`pii` in this process; counts what it is asked."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.characters = 0

    async def ask(self, texts: Sequence[str], *_: object) -> Findings:
        self.characters += sum(map(len, texts))
        found = zip(texts, self._model.labels(texts), strict=True)
        spans = [[tuple(one) for one in find(text, labels)] for text, labels in found]
        return Findings(self._model.version, spans)


class _Redis:
    """MGET and SET in memory."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def call(self, command: str, *arguments: str) -> object:
        if command == "MGET":
            return [self._values.get(key) for key in arguments]
        self._values[arguments[0]] = arguments[1]
        return b"OK"


def _conversation() -> Iterator[list[str]]:
    """What each turn sends: all that was said, and 500 characters more from either side."""
    texts = one_kilobyte_texts()
    history: list[str] = []
    for turn in range(TURNS):
        history += [texts[turn][:500], texts[turn][500:]]
        yield list(history)


async def _turns(model: LanguageModel, *, remembers: bool) -> list[tuple[int, int, float]]:
    """Of each turn: characters sent, characters read by the model, CPU milliseconds."""
    service, redis = _Service(model), _Redis()
    figures = []
    for history in _conversation():
        # Each turn comes to a process that has not seen the conversation.
        spans = FoundSpans(redis, "{relay}", 60) if remembers else None
        memory = Memory(b"key", spans, 60 if remembers else 0, time.monotonic)
        finder = PiiFinder(service, memory, 600_000)
        service.characters, start = 0, time.process_time()
        await finder.find(history, MODEL_ENTITIES, "tenant")
        spent_ms = (time.process_time() - start) * 1e3
        figures.append((sum(map(len, history)), service.characters, spent_ms))
    return figures


def _print_conversation(model: LanguageModel) -> None:
    ours = asyncio.run(_turns(model, remembers=True))
    without = asyncio.run(_turns(model, remembers=False))
    print("| turn | characters sent | read by the model | CPU, ms | without memory, ms |")
    print("|---|---|---|---|---|")
    for turn in (1, 2, 10, 25, TURNS):
        sent, read, spent = ours[turn - 1]
        print(f"| {turn} | {sent:,} | {read:,} | {spent:.0f} | {without[turn - 1][2]:.0f} |")
    print()


def _print_scores(
    name: str, texts: list[Sentence], analyse: Analyse, entities: Sequence[str]
) -> None:
    scores = score(texts, analyse, entities)
    print(f"| {name} | labelled | precision | recall | F1 |\n|---|---|---|---|---|")
    for entity, one in [*scores.items(), ("all", total(scores))]:
        figures = f"{one.precision:.3f} | {one.recall:.3f} | {one.f1:.3f}"
        print(f"| {entity} | {one.right + one.missed} | {figures} |")
    print()


def _print_wrong(texts: list[Sentence], analyse: Analyse) -> None:
    for text, spans in texts:
        labelled = {tuple(span) for span in spans if span[2] in MODEL_ENTITIES}
        found = set(analyse(text))
        for kind, differing in (("wrong", found - labelled), ("missed", labelled - found)):
            for start, end, entity in sorted(differing):
                print(f"{kind:6} {entity:14} {text[start:end]!r} in {text[:90]!r}")
