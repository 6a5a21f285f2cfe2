"""`python -m benchmarks.redaction [--model] [--wrong]`: how well and how fast the patterns find.

Precision, recall and F1 an entity on the labelled sentences, MB/s at 1, 10 and 100 KB (CPU time);
beside Presidio's analyzer on the same texts in the same run, where it can be imported. `--wrong`
lists each finding that is wrong or missing. `--model`: the same of the language model of `pii`, and
what the turns of a conversation cost.
"""

import argparse
import time
from collections.abc import Callable, Iterable

from benchmarks.redaction.peers import presidio_engine
from benchmarks.redaction.scoring import Span, score, total
from benchmarks.redaction.sentences import Sentence, sentences
from common.redaction.entities import GROUPS, PATTERN_ENTITIES
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy

Analyse = Callable[[str], list[Span]]
REGIONS = ["US", "GB", "DE", "FR"]
SIZES = (1_000, 10_000, 100_000)
CPU_SECONDS = 1.0
# 0 is Presidio's own default; its phone numbers score 0.4 without a word near them.
PRESIDIO_THRESHOLDS = (0.0, 0.4, 0.5)
# Presidio's names for the same.
PRESIDIO = {
    "CREDIT_CARD": "PAYMENT_CARD",
    "IBAN_CODE": "IBAN",
    "ES_NIF": "ES_DNI",
    **{name: name for name in ("EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN", "UK_NINO", "ES_NIE")},
    **{name: name for name in ("IT_FISCAL_CODE", "PL_PESEL", "IP_ADDRESS", "MAC_ADDRESS")},
}


def patterns() -> Analyse:
    """Relay's patterns with every entity, at the default threshold."""
    policy = {"entities": dict.fromkeys(GROUPS, "mask"), "regions": REGIONS}
    scan = scanner(plan(read_policy(policy))).scan
    return lambda text: [(found.start, found.end, found.entity) for found in scan(text)]


def megabytes_per_second(analyse: Analyse, texts: list[Sentence], size: int) -> float:
    """Of texts of that many characters, made of the sentences in turn; CPU time."""
    text = ("\n".join(one.text for one in texts) + "\n") * (size // 10_000 + 1)
    text = text[:size]
    analyse(text)
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < CPU_SECONDS:
        analyse(text)
        done += len(text.encode())
    return done / spent / 1e6


def prose(size: int) -> list[Sentence]:
    """Text with nothing to find, as most prompts are."""
    line = (
        "The report of 2024 says that 15 of 200 items (7.5 %) cost $12.40 in section 3.2; see it."
    )
    return [Sentence(line, [])] * (size // len(line) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="list what is wrong or missing")
    parser.add_argument("--model", action="store_true", help="the language model of pii instead")
    arguments = parser.parse_args()
    if arguments.model:
        from benchmarks.redaction.model import run

        run(wrong=arguments.wrong)
        return
    texts = sentences()
    traps = sum(not one.spans for one in texts)
    print(f"{len(texts)} sentences, {traps} of them with nothing to find\n")
    own, other = patterns(), presidio_engine(PRESIDIO)
    _print_scores("patterns", texts, own, PATTERN_ENTITIES)
    _print_speed("patterns", texts, own)
    if other is None:
        print("Presidio is not installed.\n")
    else:
        _print_scores("patterns, entities of both", texts, own, other.entities)
        for threshold in PRESIDIO_THRESHOLDS:
            analyse = other.at(threshold)
            _print_scores(f"Presidio, threshold {threshold}", texts, analyse, other.entities)
        _print_speed("Presidio (with its language model)", texts, other.at(0.5))
    if arguments.wrong:
        _print_wrong(texts, own)


def _print_scores(
    name: str, texts: list[Sentence], analyse: Analyse, entities: Iterable[str]
) -> None:
    scores = score(texts, analyse, entities)
    print(f"| {name} | labelled | precision | recall | F1 |\n|---|---|---|---|---|")
    for entity, one in [*scores.items(), ("all", total(scores))]:
        figures = f"{one.precision:.3f} | {one.recall:.3f} | {one.f1:.3f}"
        print(f"| {entity} | {one.right + one.missed} | {figures} |")
    print()


def _print_speed(name: str, texts: list[Sentence], analyse: Analyse) -> None:
    print(f"| {name}, MB/s | sentences above | prose |\n|---|---|---|")
    for size in SIZES:
        speeds = [megabytes_per_second(analyse, of, size) for of in (texts, prose(size))]
        print(f"| {size // 1000} KB | {speeds[0]:.2f} | {speeds[1]:.2f} |")
    print()


def _print_wrong(texts: list[Sentence], analyse: Analyse) -> None:
    for text, spans in texts:
        labelled = {tuple(span) for span in spans if span[2] in PATTERN_ENTITIES}
        found = set(analyse(text))
        for kind, differing in (("wrong", found - labelled), ("missed", labelled - found)):
            for start, end, entity in sorted(differing):
                print(f"{kind:6} {entity:18} {text[start:end]!r} in {text[:100]!r}")


if __name__ == "__main__":
    main()
