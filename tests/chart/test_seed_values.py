"""Every value, command and YAML block of the two seed documents: it exists, and it acts."""

import functools
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.chart import comments
from tests.chart.seed_effects import EFFECTS, SCENES, TAKEN
from tests.support.chart import CHART, parse, refusal, render, rendered, settings

SEEDS = Path(__file__).parent / "seeds"
TABLE = yaml.safe_load((SEEDS / "values.yaml").read_text())
COMMANDS = yaml.safe_load((SEEDS / "commands.yaml").read_text())
ROWS = {row["key"]: row for row in TABLE}
FIRST = (SEEDS / "claude-relay-chart.txt").read_text()
ABSENT = object()


def leaves(values, path=()):
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, name))
        else:
            yield ".".join((*path, name)), value


def blocks():
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", FIRST, re.DOTALL)]


def seed_defaults():
    """Key → default, from the first document's table and from its blocks of defaults."""
    found = {}
    for key, kind, text in re.findall(
        r"^\| `([\w.]+)` \| ([^|]+) \| `([^`]*)` \|", FIRST, re.MULTILINE
    ):
        found[key] = json.loads(text) if kind.strip() != "string" else text.strip('"')
    for block in (blocks()[0], blocks()[1], blocks()[5]):
        found |= dict(leaves(block))
    return found


@functools.cache
def our_values():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for store in ("redis", "postgresql"):
        own = yaml.safe_load((CHART / "charts" / store / "values.yaml").read_text())
        values[store] = own | values[store]
    return values


def ours(key):
    values = our_values()
    for name in key.split("."):
        values = values.get(name, ABSENT) if isinstance(values, dict) else ABSENT
    return None if values is ABSENT else values


def test_the_first_document_has_as_many_values_as_are_read():
    assert len(seed_defaults()) >= 55
    assert len(blocks()) == 9


def test_every_default_there_is_listed_as_it_stands_there():
    listed = {key: row["seed"] for key, row in ROWS.items() if "seed" in row}
    missing = {
        key: value for key, value in seed_defaults().items() if listed.get(key, ABSENT) != value
    }
    assert missing == {}


def test_every_key_that_a_block_names_is_listed():
    named = {key for block in blocks() for key, _ in leaves(block)}
    named |= {
        key
        for command in COMMANDS
        if "yaml" in command
        for key, _ in leaves(yaml.safe_load(command["yaml"]))
    }
    raw = ("storage.logs.fluentbit.output.config.", "ingress.annotations.")
    assert {key for key in named - set(ROWS) if not key.startswith(raw)} == set()


@pytest.mark.parametrize("key", list(ROWS))
def test_our_default_is_as_listed_and_a_difference_has_its_reason(key):
    row = ROWS[key]
    assert row["ours"] == ours(key)
    if "seed" in row and row["seed"] != row["ours"]:
        assert row["reason"]
    assert row["test"] == f"test_a_value_acts[{key}]"
    assert ("(later)" in description(key)) == row.get("later", False)


def description(key):
    """What values.yaml says about the key, or about what it is in."""
    said = comments((CHART / "values.yaml").read_text())
    path = tuple(key.split("."))
    parts = (path[:length] for length in range(len(path), 0, -1))
    return next((text for part in parts if part in said and (text := said[part].description)), "")


@pytest.mark.parametrize("key", list(ROWS))
def test_a_value_acts(key):
    if key in TAKEN:
        changed = render("--set-json", f"{key}={json.dumps(TAKEN[key])}")
        assert changed == render()
        assert refusal("--set-json", f"{key}=[]")
        return
    scene, effect, expected = EFFECTS[key]
    assert effect(render(*settings(**SCENES[scene]))) == expected


def test_numbers_survive_however_they_are_given(tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("config:\n  tokenUsageRetention: 2592000000\n")
    given = ("--set", "config.tokenUsageRetention=2592000000")
    assert rendered("-f", str(values)) == rendered(*given) == rendered()
    assert "e+0" not in rendered()


def test_the_ingress_blocks_metrics_before_the_user_s_paths():
    objects = render("-f", str(CHART / "ci/seed2-install-values.yaml"))
    [ingress] = [written for written in objects if written["kind"] == "Ingress"]
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    assert [(path["path"], path["pathType"]) for path in paths] == [
        ("/metrics", "Exact"),
        ("/prometheus", "Exact"),
        ("/", "Prefix"),
    ]
    # The edge answers 404 to both (its own tests).
    assert {path["backend"]["service"]["name"] for path in paths} == {"relay"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command["set"])
def test_a_command_or_block_stands_in_its_document(command):
    document = (SEEDS / f"{command['seed']}.txt").read_text()
    wanted = re.sub(r"[\s\\]", "", command.get("command") or command["yaml"])
    assert wanted in re.sub(r"[\s\\]", "", document)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command["set"])
@pytest.mark.parametrize("variables", ["set", "unset"])
def test_a_command_is_its_value_set(command, variables):
    file = CHART / "ci" / f"{command['set']}-values.yaml"
    if "yaml" in command:
        assert yaml.safe_load(file.read_text()) == yaml.safe_load(command["yaml"])
        return
    other = file.with_name(file.name.replace("-values", "-unset-values"))
    file = other if variables == "unset" and other.exists() else file
    as_written = parse(rendered(*arguments_of(command["command"], variables == "set")))
    assert as_written == render("-f", str(file))


def arguments_of(command, known):
    """The arguments after the chart, as a shell passes them on."""
    random = "h9Yv1zq5c0eS3V0nq1mS2k3b4c5d6e7f8g9h0i1j2k0="
    script = "openssl() { " + (f"echo '{random}'" if known else ":") + "; }\n"
    script += "helm() { printf '%s\\0' \"$@\"; }\n" + command
    variables = {"PATH": os.environ["PATH"]} | ({"OPENAI_API_KEY": "sk-example"} if known else {})
    done = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, check=True)
    words = done.stdout.decode().split("\0")[3:-1]
    return [word for word in words if word != "--reuse-values"]


def test_the_shell_s_words_are_helm_s():
    words = arguments_of("helm install x ./c --set a=$OPENAI_API_KEY --reuse-values", True)
    assert words == shlex.split("--set a=sk-example")
