"""Make `faker.jsonl`: labelled sentences whose values come from Faker, not from Relay's own rules.

    pip install Faker==40.63.0 && python -m benchmarks.redaction.from_faker

Faker (MIT) is a public generator of test data; the file is kept so that no figure depends on its
version. Names and places are labelled too, though no pattern finds them.
"""

import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("faker.jsonl")
SEED = 9
EACH = 6
# Locale → entity → the provider's method.
METHODS = {
    "en_US": {
        "EMAIL_ADDRESS": "email",
        "PHONE_NUMBER": "phone_number",
        "PAYMENT_CARD": "credit_card_number",
        "US_SSN": "ssn",
        "IP_ADDRESS": "ipv4_public",
        "MAC_ADDRESS": "mac_address",
        "PERSON": "name",
        "LOCATION": "city",
    },
    "en_GB": {"PHONE_NUMBER": "phone_number", "IBAN": "iban", "PERSON": "name"},
    "de_DE": {"PHONE_NUMBER": "phone_number", "IBAN": "iban", "PERSON": "name"},
    "fr_FR": {"PHONE_NUMBER": "phone_number", "IBAN": "iban", "FR_NIR": "ssn", "PERSON": "name"},
    "es_ES": {"ES_DNI": "nif", "ES_NIE": "nie", "IBAN": "iban", "PERSON": "name"},
    "it_IT": {"IT_FISCAL_CODE": "ssn", "IBAN": "iban", "PERSON": "name"},
    "pt_BR": {"BR_CPF": "cpf", "PERSON": "name"},
    "nl_NL": {"NL_BSN": "ssn", "IBAN": "iban", "PERSON": "name"},
    "pl_PL": {"PL_PESEL": "pesel", "IBAN": "iban", "PERSON": "name"},
}
TEMPLATES = {
    "en_US": [
        "Please send the invoice to {EMAIL_ADDRESS} before Friday.",
        "{PERSON} wrote from <{EMAIL_ADDRESS}> and cc'd {EMAIL_ADDRESS}.",
        "You can reach {PERSON} by phone at {PHONE_NUMBER} until 5 pm.",
        "Call me back: {PHONE_NUMBER}",
        "Her number is {PHONE_NUMBER}.",
        "The payment with card {PAYMENT_CARD} was declined twice.",
        "Charge {PAYMENT_CARD}, expiry 09/28.",
        "My SSN is {US_SSN}, is that enough to verify me?",
        "Applicant {PERSON}, {US_SSN}, lives in {LOCATION}.",
        "Connections from {IP_ADDRESS} to port 443 time out.",
        '{{"client": "{IP_ADDRESS}", "hw": "{MAC_ADDRESS}", "status": 200}}',
        "The switch learned {MAC_ADDRESS} on port 7 and {MAC_ADDRESS} on port 9.",
        "name,email,ip\n{PERSON},{EMAIL_ADDRESS},{IP_ADDRESS}",
    ],
    "en_GB": [
        "Ring {PERSON} on {PHONE_NUMBER} tomorrow morning.",
        "Mobile: {PHONE_NUMBER}",
        "Transfer the rent to {IBAN} please.",
    ],
    "de_DE": [
        "Bitte überweisen Sie den Betrag auf {IBAN}.",
        "{PERSON} ist unter Telefon {PHONE_NUMBER} zu erreichen.",
        "Tel.: {PHONE_NUMBER}, IBAN: {IBAN}",
    ],
    "fr_FR": [
        "Mon numéro de sécurité sociale est le {FR_NIR}.",
        "Le virement vers {IBAN} a échoué.",
        "Téléphone de {PERSON} : {PHONE_NUMBER}.",
    ],
    "es_ES": [
        "El DNI de {PERSON} es {ES_DNI}.",
        "Titular {PERSON}, {ES_DNI}, cuenta {IBAN}.",
        "Adjunto mi NIE: {ES_NIE}.",
    ],
    "it_IT": [
        "Il codice fiscale di {PERSON} è {IT_FISCAL_CODE}.",
        "Bonifico su {IBAN}, intestato a {PERSON} ({IT_FISCAL_CODE}).",
    ],
    "pt_BR": ["O CPF de {PERSON} é {BR_CPF}.", "Cliente {PERSON}, CPF: {BR_CPF}, aprovado."],
    "nl_NL": ["Mijn BSN is {NL_BSN}.", "{PERSON} heeft burgerservicenummer {NL_BSN} en {IBAN}."],
    "pl_PL": ["Numer PESEL: {PL_PESEL}.", "{PERSON}, PESEL {PL_PESEL}, konto {IBAN}."],
}


def main() -> None:
    from faker import Faker

    with FILE.open("w") as file:
        for locale, templates in TEMPLATES.items():
            source = Faker(locale)
            source.seed_instance(SEED)
            for template in templates * EACH:
                file.write(json.dumps(_sentence(source, locale, template), ensure_ascii=False))
                file.write("\n")


def _sentence(source: Any, locale: str, template: str) -> dict[str, Any]:
    text, spans = "", []
    for part in re.split(r"\{([A-Z_]+)\}", template):
        if part in METHODS[locale]:
            value = getattr(source, METHODS[locale][part])()
            spans.append([len(text), len(text) + len(value), part])
            text += value
        else:
            text += part.replace("{{", "{").replace("}}", "}")
    return {"text": text, "spans": spans}


if __name__ == "__main__":
    main()
