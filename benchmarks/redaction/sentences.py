"""The labelled sentences: by hand (with traps) and from Faker (`from_faker.py`)."""

import json
import random
import re
import string
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SEED = 9
_MARK = re.compile(r"\{(~?)([A-Z_]+)(?:\|([^}]*))?\}")
_WORD = string.ascii_letters + string.digits
_URL_SAFE = _WORD + "-_"


class Sentence(NamedTuple):
    """A text and what stands in it: start, end, entity."""

    text: str
    spans: list[tuple[int, int, str]]


def sentences() -> list[Sentence]:
    """All of them, the same at every call."""
    return [*by_hand(), *from_faker()]


def names() -> list[Sentence]:
    """For the language model: by hand, and from Faker (`names_from_faker.py`)."""
    lines = (HERE / "names.txt").read_text().splitlines()
    chance = random.Random(SEED)
    hand = [_read(line, chance) for line in lines if line and not line.startswith("# ")]
    return [*hand, *_from_lines("names.jsonl")]


def by_hand() -> list[Sentence]:
    """The lines of `by_hand.txt`, their secrets made by a generator with a fixed seed."""
    chance = random.Random(SEED)
    lines = (HERE / "by_hand.txt").read_text().splitlines()
    return [_read(line, chance) for line in lines if line and not line.startswith("# ")]


def from_faker() -> list[Sentence]:
    """The lines of `faker.jsonl`."""
    return _from_lines("faker.jsonl")


def _from_lines(file: str) -> list[Sentence]:
    read = map(json.loads, (HERE / file).read_text().splitlines())
    return [Sentence(one["text"], [tuple(span) for span in one["spans"]]) for one in read]


def _read(line: str, chance: random.Random) -> Sentence:
    text, spans, position = "", [], 0
    line = line.replace("\\n", "\n")
    for match in _MARK.finditer(line):
        text += line[position : match.start()]
        secret, name, said = match.groups()
        value = secret_value(name, chance) if secret else said
        if value is None:  # `${NAME}` and the like are no marks
            text += match.group()
        else:
            entity = said if secret and said else name
            spans.append((len(text), len(text) + len(value), entity))
            text += value
        position = match.end()
    return Sentence(text + line[position:], spans)


def secret_value(name: str, chance: random.Random) -> str:
    """A secret of a kind that looks real and is none."""

    def some(length: int, alphabet: str = _WORD) -> str:
        return "".join(chance.choice(alphabet) for _ in range(length))

    base64 = string.ascii_letters + string.digits + "+/"
    kinds = {
        "OPENAI_KEY": lambda: "sk-proj-" + some(74, _URL_SAFE) + "T3Blbk" + some(40),
        "OPENAI_OLD_KEY": lambda: "sk-" + some(48),
        "ANTHROPIC_KEY": lambda: "sk-ant-api03-" + some(93, _URL_SAFE) + "AA",
        "AWS_KEY": lambda: "AKIA" + some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "AWS_SECRET": lambda: some(40, base64),
        "GOOGLE_KEY": lambda: "AIza" + some(35, _URL_SAFE),
        "GITHUB_TOKEN": lambda: "ghp_" + some(36),
        "GITHUB_FINE": lambda: "github_pat_" + some(22) + "_" + some(59),
        "SLACK_TOKEN": lambda: "-".join(("xoxb", some(12, "12345"), some(12, "12345"), some(24))),
        "SLACK_HOOK": lambda: f"T{some(8)}/B{some(8)}/{some(24)}",
        "STRIPE_KEY": lambda: "sk_live_" + some(24),
        "BEARER_TOKEN": lambda: some(30) + "7" + some(9),
        "JWT": lambda: "eyJ" + some(33) + ".eyJ" + some(60) + "." + some(43, _URL_SAFE),
        "RELAY_KEY": lambda: "cr_" + some(43, _URL_SAFE),
        "GITLAB": lambda: "glpat-" + some(20, _URL_SAFE),
        "HUGGING_FACE": lambda: "hf_" + some(34),
        "AZURE": lambda: some(86, base64) + "==",
        "PRIVATE_KEY": lambda: (
            "-----BEGIN RSA PRIVATE KEY-----\n"
            + "\n".join(some(64, base64) for _ in range(12))
            + "\n-----END RSA PRIVATE KEY-----"
        ),
    }
    return kinds[name]()
