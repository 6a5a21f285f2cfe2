"""Rules of content on a command line: where they come from, and trying them."""

import json

import pytest

from tests.support.admin_cli import run

__all__ = ["run"]
ID = "01ARYZ6S41TSV4RRFFQ69G5FAW"


def test_rules_of_content_come_from_a_file_the_input_or_the_argument(run, tmp_path):
    rules = {"entities": {"CONTACT": "mask"}}
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules))
    run.server.says(*[{"id": ID}] * 3)
    for given, stdin in ((str(file), ""), ("-", json.dumps(rules)), (json.dumps(rules), "")):
        said = run("keys", "create", "--name", "a", "--redaction", given, stdin=stdin)
        assert said.exit_code == 0, said.output
    assert [asked.body["redaction"] for asked in run.server.asked] == [rules] * 3
    (tmp_path / "list.json").write_text("[]")
    for wrong, why in (("nowhere.json", "cannot be read"), ("{", "no JSON"),
                       (str(tmp_path / "list.json"), "no JSON object")):  # fmt: skip
        said = run("keys", "update", ID, "--content-policy", wrong)
        assert (said.exit_code, why in said.output) == (2, True), said.output
    said = run("keys", "update", ID, "--redaction", "{}", "--no-redaction")
    assert (said.exit_code, "not both" in said.output) == (2, True)
    assert len(run.server.asked) == 3


TRIED = {
    "findings": [{"start": 3, "end": 9, "entity": "EMAIL_ADDRESS", "action": "mask", "score": 1.0}],
    "redacted_text": "to EMAIL_ADDRESS_7K3QX2MA\nA", "model": "not_needed",
    "verdicts": [{"by": "content_policy", "rule": "a", "verdict": "flag", "where": "both"}],
}  # fmt: skip


def test_rules_are_tried_on_a_text(run, tmp_path):
    rules = {"entities": {"CONTACT": "mask"}}
    run.server.says(TRIED, TRIED, TRIED | {"redacted_text": None})
    tried = ("redaction", "try", "--redaction", json.dumps(rules))
    said = run(*tried, stdin="to ann@b.c\nA")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines()[1:] == [
        "    3    9  EMAIL_ADDRESS  mask      1.0", "", "to EMAIL_ADDRESS_7K3QX2MA", "A",
    ]  # fmt: skip
    assert "flag: a (content_policy, both)" in said.stderr
    assert json.loads(run(*tried, "--output", "json", stdin="x").stdout) == TRIED
    (tmp_path / "text").write_text("x")
    said = run("redaction", "try", str(tmp_path / "text"), "--key", ID)
    assert "would be refused" in said.stderr
    assert [asked.body for asked in run.server.asked[:3]] == [
        {"text": "to ann@b.c\nA", "policy": rules}, {"text": "x", "policy": rules},
        {"text": "x", "key_id": ID},
    ]  # fmt: skip
    assert run("redaction", "try").exit_code == 2
    assert run(*tried, "--key", ID).exit_code == 2
    assert run("redaction", "try", "--team", ID, "--organisation").exit_code == 2


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_text_that_was_not_searched_for_names_has_an_exit_code_of_its_own(run, output):
    run.server.says(TRIED | {"model": "not_asked"})
    said = run("redaction", "try", "--organisation", "--output", output, stdin="x")
    assert said.exit_code == 5
    assert "not searched for names" in said.stderr
    assert "EMAIL_ADDRESS" in said.stdout
    assert run.server.asked[0].body == {"text": "x", "organisation": True}


def test_which_rules_hold_is_shown_level_by_level(run):
    silent = {"redaction": None, "content_policy": None, "response_cache": None}
    levels = [{"level": "key", "id": ID, "name": "k", **silent, "redaction": {"entities": {}}},
              {"level": "organisation", "id": "o", "name": "o", **silent,
               "redaction": {"entities": {"CONTACT": "mask"}},
               "content_policy": {"input_characters_max": 5}}]  # fmt: skip
    answer = {"levels": levels, "redaction": "key", "content_policy": ["organisation"],
              "response_cache": None}  # fmt: skip
    run.server.says(answer, answer)
    shown = run("content-rules", "show", "--key", ID).stdout.splitlines()
    assert [line.split()[:4] for line in shown[1:]] == [
        ["redaction", "key", "k", "yes"], ["redaction", "organisation", "o", "no"],
        ["content_policy", "organisation", "o", "yes"],
    ]  # fmt: skip
    assert json.loads(run("content-rules", "show", "--output", "json").stdout) == answer
    assert run("content-rules", "show", "--key", ID, "--team", ID).exit_code == 2
