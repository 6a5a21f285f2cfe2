"""relayctl master-key rotate --kubernetes: the grace first, then the Secret, then its copy."""

import pytest

from tests.support.admin_cli import MASTER_KEY, run  # noqa: F401 - a fixture
from tests.support.admin_server import Answer
from tests.support.kubernetes_api import NAMESPACE, KubernetesAPI

UNTIL = "2026-11-25T12:00:00.000Z"
SECRET, ALIAS = "relay-master-key", "llm-proxy-master-key"


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setattr("cli.kubernetes.api.WAIT_S_FIRST", 0.0)
    server = KubernetesAPI()
    server.put(SECRET, {"PROXY_MASTER_KEY": MASTER_KEY, "more": "x"})
    server.put(ALIAS, {"PROXY_MASTER_KEY": MASTER_KEY})
    yield server
    server.close()


@pytest.fixture
def rotate(api, run):  # noqa: F811
    def rotate(*arguments, code=0):
        command = ("master-key", "rotate", "--kubernetes", "--release", "relay")
        cluster = ("--namespace", NAMESPACE, "--kube-server", api.url)
        result = run(*command, *cluster, *arguments)
        assert result.exit_code == code, result.output
        for name in api.secrets:
            assert api.data(name)["PROXY_MASTER_KEY"] not in result.output
        return result

    rotate.server = run.server
    return rotate


def test_the_secret_and_its_copy_take_the_new_key(api, rotate):
    rotate.server.says({"accepted_until": UNTIL})
    before = {"get": 0, "patch": 0}

    def no_change_before_the_grace(verb, name):
        before[verb] += 1
        if not rotate.server.asked:
            assert api.data(SECRET)["PROXY_MASTER_KEY"] == MASTER_KEY

    api.before = no_change_before_the_grace
    result = rotate("--minutes", "5")
    (asked,) = rotate.server.asked
    assert asked.headers["authorization"] == f"Bearer {MASTER_KEY}"
    assert asked.body == {"minutes": 5}
    new = api.data(SECRET)
    assert len(new["PROXY_MASTER_KEY"]) == 64
    assert new["more"] == "x"
    assert api.data(ALIAS)["PROXY_MASTER_KEY"] == new["PROXY_MASTER_KEY"]
    assert before["patch"] == 4
    assert f"before {UNTIL}" in result.stdout
    assert "kubectl -n llm delete pod -l serving.knative.dev/service=relay-key-admin" in (
        result.stdout
    )


def test_without_a_key_given_the_secrets_own_is_used(api, rotate, monkeypatch):
    monkeypatch.delenv("PROXY_MASTER_KEY")
    api.put(SECRET, {"PROXY_MASTER_KEY": "of the Secret"})
    rotate.server.says({"accepted_until": UNTIL})
    result = rotate("--output", "json")
    assert rotate.server.asked[0].headers["authorization"] == "Bearer of the Secret"
    assert SECRET in result.stdout
    # The copy holds another key: another release's, and left alone.
    assert api.data(ALIAS)["PROXY_MASTER_KEY"] == MASTER_KEY


@pytest.mark.parametrize(
    ("spoil", "said", "code"),
    [
        (lambda api: api.put(SECRET, {"PROXY_MASTER_KEY": "kept: 1234"}), "holds another key", 2),
        (lambda api: api.secrets.pop(SECRET), "there is no PROXY_MASTER_KEY in a Secret", 1),
        (lambda api: api.forbidden.add("patch"), f"may not patch the Secret {SECRET}", 1),
        (lambda api: api.forbidden.add(("patch", ALIAS)), f"may not patch the Secret {ALIAS}", 1),
        (lambda api: api.put(SECRET, api.data(SECRET), immutable=True), "is refused: 422", 1),
        (lambda api: setattr(api, "unavailable", 99), "answers 503", 3),
    ],
)
def test_what_cannot_be_replaced_is_said_before_anything_is_done(api, rotate, spoil, said, code):
    spoil(api)
    before = dict(api.secrets)
    assert said in rotate(code=code).stderr
    assert rotate.server.asked == []
    assert api.secrets == before


def test_without_grace_nothing_is_replaced(api, rotate):
    rotate.server.says(Answer(401, {"detail": "The master key is wrong."}))
    before = dict(api.secrets)
    rotate(code=1)
    assert api.secrets == before


def test_two_at_once_replace_it_once(api, rotate):
    rotate.server.says({"accepted_until": UNTIL})

    def interfere(verb, name):
        if verb == "patch" and rotate.server.asked:
            api.put(SECRET, {"PROXY_MASTER_KEY": "the other one's"})

    api.before = interfere
    assert "changed by somebody else meanwhile" in rotate(code=1).stderr
    assert api.data(SECRET)["PROXY_MASTER_KEY"] == "the other one's"


def test_a_copy_that_keeps_the_old_key_is_said(api, rotate):
    rotate.server.says({"accepted_until": UNTIL})

    def interfere(verb, name):
        if rotate.server.asked:
            api.forbidden.add(("patch", ALIAS))

    api.before = interfere
    assert f"its copy {ALIAS} still has the old one" in rotate(code=1).stderr
    assert api.data(SECRET)["PROXY_MASTER_KEY"] != MASTER_KEY


@pytest.mark.parametrize("more", [("--to", "-"), ("--to", "file")])
def test_options_that_contradict(rotate, more):
    assert "not both" in rotate(*more, code=2).stderr


def test_a_release_is_needed(run):  # noqa: F811
    result = run("master-key", "rotate", "--kubernetes")
    assert (result.exit_code, "--release" in result.stderr) == (2, True)
