"""Make `names.jsonl`: sentences whose names, places and companies come from Faker.

    pip install Faker==40.63.0 && python -m benchmarks.redaction.names_from_faker

As `from_faker.py`, for the language model: names of several countries in English sentences.
"""

import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("names.jsonl")
SEED = 9
EACH = 2
LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "en_IN")
TEMPLATES = [
    "{PERSON} lives in {LOCATION} and works for {ORGANIZATION}.",
    "Please book a table for {PERSON} on Friday evening.",
    "I was told by {PERSON} that {ORGANIZATION} is moving to {LOCATION}.",
    "The contract between {ORGANIZATION} and {PERSON} ends in March.",
    "{PERSON}, born on {DATE_OF_BIRTH}, asks for a copy of the record.",
    "Hello, this is {PERSON}. My order has not arrived in {LOCATION} yet.",
    "Write a short biography of our new colleague {PERSON}.",
    "Customer: {PERSON}\nCity: {LOCATION}\nDate of birth: {DATE_OF_BIRTH}",
    "After ten years at {ORGANIZATION}, {PERSON} retired to {COUNTRY}.",
]


def main() -> None:
    from faker import Faker

    with FILE.open("w") as file:
        for locale in LOCALES:
            source = Faker(locale)
            source.seed_instance(SEED)
            # Countries by their English names, as the sentences are English.
            english = Faker("en_US")
            english.seed_instance(SEED)
            for template in TEMPLATES * EACH:
                file.write(json.dumps(_sentence(source, english, template), ensure_ascii=False))
                file.write("\n")


def _sentence(source: Any, english: Any, template: str) -> dict[str, Any]:
    makers = {
        "PERSON": lambda: f"{source.first_name()} {source.last_name()}",
        "LOCATION": source.city,
        "ORGANIZATION": source.company,
        "COUNTRY": english.country,
        "DATE_OF_BIRTH": lambda: source.date_of_birth().strftime("%d/%m/%Y"),
    }
    text, spans = "", []
    for part in re.split(r"\{([A-Z_]+)\}", template):
        if part in makers:
            value = makers[part]()
            entity = "LOCATION" if part == "COUNTRY" else part
            spans.append([len(text), len(text) + len(value), entity])
            text += value
        else:
            text += part
    return {"text": text, "spans": spans}


if __name__ == "__main__":
    main()
