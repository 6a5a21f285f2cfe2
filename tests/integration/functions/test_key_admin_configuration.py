"""A configuration from one installation to another: whole, once, without a secret in the open."""

import base64
import json

import pytest
from click.testing import CliRunner

from cli.main import relayctl as command_line
from common.domain.keys import hash_key
from tests.support.admin_checks import fields, problem, trail
from tests.support.key_admin import MASTER_KEY, served_key_admin

EXPORT, IMPORT = "/internal/configuration/export", "/internal/configuration/import"
PASSPHRASE = "correct horse battery staple"
CREDENTIAL = "sk-the-providers-own-secret"
SIGNING = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def source(postgres_server, _worker_redis, tmp_path_factory):
    """An installation with something of everything, and the secret of its key."""
    log = tmp_path_factory.mktemp("source") / "log"
    there = {"RELAY_INSTALLATION": "source", "RELAY_ENCRYPTION_KEYS": keyring("a")}
    with served_key_admin(postgres_server, _worker_redis, log, **there) as key_admin:
        key_admin.secret = fill(key_admin)
        yield key_admin


@pytest.fixture(scope="module")
def admin_environment():
    """Of the importing installation, which has another encryption key."""
    return {"RELAY_INSTALLATION": "target", "RELAY_ENCRYPTION_KEYS": keyring("b")}


def keyring(name):
    return f"{name}:{base64.b64encode(name.encode() * 32).decode()}"


def made(key_admin, path, **members):
    answer = key_admin.call("POST", path, json=members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def fill(key_admin):
    account = made(key_admin, "/internal/accounts", name="main", provider="openai",
                   credential={"api_key": CREDENTIAL})  # fmt: skip
    group = made(key_admin, "/internal/groups", name="eu", account_ids=[account["id"]])
    team = made(key_admin, "/internal/teams", name="Research", group_id=group["id"],
                budgets=[{"period": "month", "usd": "100"}])  # fmt: skip
    made(key_admin, "/internal/users", id="alice", team_id=team["id"],
         limits={"requests_per_minute": 5})  # fmt: skip
    rules = {"rules": [{"models": {"gpt-4o-mini": 1}}]}
    assert key_admin.call("PUT", "/internal/aliases/fast", json=rules).is_success
    made(key_admin, "/internal/notification-channels", name="ops", kind="webhook",
         settings={"url": "https://example.org/", "signing_secret": SIGNING})  # fmt: skip
    organisation = {"limits": {"concurrency": 50}}
    assert key_admin.call("PATCH", "/internal/organisation", json=organisation).is_success
    return key_admin.create(user_id="alice", team_id=team["id"]).json()["key"]


def exported(source):
    answer = source.call("POST", EXPORT, json={"passphrase": PASSPHRASE})
    assert answer.status_code == 200, answer.text
    return answer.json()


def sent(key_admin, document, passphrase=PASSPHRASE, **members):
    body = {"passphrase": passphrase, "configuration": document} | members
    return key_admin.call("POST", IMPORT, json=body)


def counts(answer):
    assert answer.status_code == 200, answer.text
    found = {one["table"]: (one["written"], one["there"]) for one in answer.json()["tables"]}
    return {table: both for table, both in found.items() if both != (0, 0)}


@pytest.mark.parametrize(
    ("table", "member", "value"),
    [
        ("api_keys", "limits", {"requests_per_minute": "many"}),
        ("api_keys", "budgets", 7),
        ("api_keys", "content_policy", {"patterns": "all"}),
        ("teams", "redaction", {"entities": {"email": "shout"}}),
        ("teams", "limits", {"requests_per_minute": "many"}),
        ("users", "limits", ["many"]),
        ("routing_entries", "entry", {"rules": 7}),
        ("price_books", "book", {"providers": 7}),
    ],
)
def test_a_row_that_could_not_be_read_again_is_not_written(source, key_admin, table, member, value):
    """One of them, and no key could be changed any more, and an empty Redis stayed so."""
    document = exported(source)
    if table == "price_books":
        document["tables"][table] = [price_book()]
    assert member in document["tables"][table][0]
    document["tables"][table][0][member] = value
    answer = sent(key_admin, document)
    assert answer.status_code == 422, answer.text
    assert fields(answer) == [f"configuration.tables.{table}"]
    for path in ("/internal/teams", "/internal/users", "/internal/aliases", "/internal/api-keys"):
        assert key_admin.get(path).json()["items"] == []


def price_book():
    moment = "2026-11-26T00:00:00Z"
    return {"id": "01a2175a-b361-e569-4c89-5c721ec1d76f", "name": "2026-11", "digest": "0" * 64,
            "effective_from": moment, "book": {}, "imported_at": moment,
            "imported_by": "master-key"}  # fmt: skip


def test_a_configuration_arrives_once_and_works(source, key_admin):
    document = exported(source)
    text = json.dumps(document)
    assert not any(one in text for one in (CREDENTIAL, SIGNING, source.secret))
    assert hash_key(source.secret) in text
    every = dict.fromkeys(
        ("teams", "users", "accounts", "account_groups", "routing_entries", "api_keys",
         "api_key_secrets", "notification_channels"),
    )  # fmt: skip
    assert counts(sent(key_admin, document, dry_run=True)) == dict.fromkeys(every, (1, 0))
    assert key_admin.get("/internal/teams").json()["items"] == []
    written = sent(key_admin, document)
    assert counts(written) == dict.fromkeys(every, (1, 0))
    assert written.json()["organisation"] == "written"
    again = sent(key_admin, document)
    assert counts(again) == dict.fromkeys(every, (0, 1))
    assert again.json()["organisation"] == "kept"
    for path in (
        *("/internal/teams", "/internal/users", "/internal/groups", "/internal/aliases"),
        *("/internal/api-keys", "/internal/notification-channels"),
    ):
        assert key_admin.get(path).json() == source.get(path).json()
    [ours] = key_admin.get("/internal/accounts").json()["items"]
    [theirs] = source.get("/internal/accounts").json()["items"]
    assert (ours.pop("credential_key_id"), theirs.pop("credential_key_id")) == ("b", "a")
    assert ours == theirs
    limits = key_admin.get("/internal/organisation").json()["limits"]
    assert limits == source.get("/internal/organisation").json()["limits"]
    actions = [action for action, _, _ in trail(key_admin, "*")]
    assert actions == ["configuration.import", "configuration.import"]
    assert {action for action, _, _ in trail(source, "*")} == {"configuration.export"}
    projected(key_admin, source)


def test_a_secret_that_was_replaced_here_does_not_come_back(source, key_admin):
    document = exported(source)
    assert sent(key_admin, document).status_code == 200
    [key] = key_admin.get("/internal/api-keys").json()["items"]
    rotated = key_admin.call("POST", f"/internal/api-keys/{key['id']}/rotate", json={"grace_s": 0})
    assert rotated.status_code == 201
    # As cleanup does.
    key_admin.rows("DELETE FROM api_key_secrets WHERE expires_at <= now()")
    assert counts(sent(key_admin, document))["api_key_secrets"] == (0, 1)
    answer = key_admin.call("GET", "/v1/usage", authorization=f"Bearer {source.secret}")
    assert answer.status_code == 401


def projected(key_admin, source):
    """Redis knows the key, and what limits its team, user and organisation."""
    import redis

    with redis.Redis.from_url(key_admin.redis_url) as client:
        key = f"{{relay:target}}:key:{hash_key(source.secret)}"
        assert client.hget(key, "s") == b"active"
        scopes = {name.decode().partition(":policy:")[2].partition(":")[0]
                  for name in client.keys("{relay:target}:policy:*")}  # fmt: skip
        assert scopes == {"organisation", "team", "user"}
        assert b"main" in client.hget("{relay:target}:accounts", "r")


def test_another_passphrase_or_a_changed_address_opens_nothing(source, key_admin):
    document = exported(source)
    assert fields(sent(key_admin, document, "another passphrase")) == ["passphrase"]
    document["tables"]["accounts"][0]["base_url"] = "https://evil.example"
    assert fields(sent(key_admin, document)) == ["passphrase"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda one: one | {"format": "2"}, "configuration.format"),
        (lambda one: one | {"tables": {"ledger": []}}, "configuration.tables.ledger"),
        (
            lambda one: one | {"tables": one["tables"] | {"users": [{"id": None}]}},
            "configuration.tables",
        ),
        (
            lambda one: one | {"secrets": one["secrets"] | {"n": 2**30}},
            "configuration.secrets",
        ),
    ],
)
def test_what_is_no_export_is_refused_by_its_field(source, key_admin, change, field):
    assert fields(sent(key_admin, change(exported(source)))) == [field]


def test_another_schema_is_refused(source, key_admin):
    said = problem(sent(key_admin, exported(source) | {"schema": "0001"}), 409)
    assert "one version" in said["detail"]


def test_a_name_that_something_else_has_stops_all_of_it(source, key_admin):
    document = exported(source)
    made(key_admin, "/internal/teams", name="Taken")
    [team] = document["tables"]["teams"]
    team |= {"id": "00000000-0000-7000-8000-000000000001", "name": "Taken"}
    before = key_admin.get("/internal/users").json()
    said = problem(sent(key_admin, document), 409)
    assert "teams: Taken" in said["detail"]
    assert key_admin.get("/internal/users").json() == before


def test_a_passphrase_must_be_long(source):
    answer = source.call("POST", EXPORT, json={"passphrase": "short"})
    assert fields(answer) == ["passphrase"]


CONFIGURATION = """
version: 1
organisation: {regions: [eu]}
accounts:
  other: {provider: openai, credential: {api_key: {env: THE_KEY}}, models: [gpt-4o], region: eu}
groups:
  ours: {accounts: [other]}
teams:
  Sales:
    description: Sells
    group: ours
    budgets: [{period: month, usd: "50"}]
    price_multiplier: 1.5
users:
  bob: {team: Sales, email: bob@example.com}
models:
  our-llama: {context_window: 8192}
aliases:
  quick: {rules: [{models: {gpt-4o: 1}, when: {teams: [Sales]}}]}
keys:
  app: {user: bob, team: Sales, models: {allow: [gpt-*]}, expires_at: 2100-01-31T00:00:00Z}
channels:
  hooks:
    kind: webhook
    settings: {url: "https://example.org/", signing_secret: {env: SIGNING}}
    teams: [Sales]
"""


def relayctl(key_admin, *arguments, code=0):
    environment = {
        "RELAY_URL": key_admin.url,
        "PROXY_MASTER_KEY": MASTER_KEY,
        "THE_KEY": CREDENTIAL,
        "SIGNING": SIGNING,
        "RELAY_EXPORT_PASSPHRASE": PASSPHRASE,
    }
    done = CliRunner().invoke(command_line, arguments, env=environment, prog_name="relayctl")
    assert done.exit_code == code, done.output
    assert CREDENTIAL not in done.output
    return done.stdout


def test_relayctl_applies_a_file_and_then_finds_nothing_to_do(key_admin, tmp_path):
    file, keys_file = tmp_path / "config.yaml", tmp_path / "keys"
    file.write_text(CONFIGURATION)
    apply = ("apply", "-f", str(file))
    shown = relayctl(key_admin, *apply, "--dry-run", "--detailed-exitcode", code=4)
    assert "+ team Sales" in shown
    assert "credential: (secret)" in shown
    assert relayctl(key_admin, *apply, code=2) == ""  # a key's secret must go somewhere
    relayctl(key_admin, *apply, "--keys-file", str(keys_file))
    [line] = keys_file.read_text().splitlines()
    assert json.loads(line)["name"] == "app"
    nothing = relayctl(key_admin, *apply, "--detailed-exitcode")
    assert nothing == "0 to create, 0 to change, 0 to remove\n"
    file.write_text(CONFIGURATION.replace("Sells", "Sells more").replace('usd: "50"', 'usd: "60"'))
    changed = relayctl(key_admin, *apply, "--output", "json", "--detailed-exitcode", code=4)
    [change] = json.loads(changed)["changes"]
    assert (change["action"], change["name"]) == ("change", "Sales")
    assert {one["member"] for one in change["differences"]} == {"description", "budgets"}
    file.write_text("version: 1\nkeys: {}\nchannels: {}\n")
    pruned = relayctl(key_admin, *apply, "--prune")
    assert "- key app (revoked)" in pruned
    assert "- channel hooks (deleted)" in pruned


def test_relayctl_exports_and_imports(source, key_admin, tmp_path):
    file = tmp_path / "relay.json"
    relayctl(source, "export", "--file", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    relayctl(source, "export", "--file", str(file), code=2)  # it is not overwritten
    shown = relayctl(key_admin, "import", "--file", str(file), "--dry-run")
    assert "nothing was written: --dry-run" in shown
    assert "api_keys" in shown
