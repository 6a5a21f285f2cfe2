"""OpenAI's files and batches: they stay with their account and tenant; a batch is billed once."""

import json

import openai
import pytest

from common.domain.policies import Policy, team_scope
from common.domain.routing import Routing
from common.domain.routing_table import AliasRule, RoutingTable
from tests.support.file_provider import FileProvider
from tests.support.jobs import bearer, budgeted, look, money, open_jobs
from tests.support.relay_process import RelayProcess, stored_account

COUNT = 3
TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAX"


@pytest.fixture(scope="module")
def running_provider():
    provider = FileProvider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def running_relay(tmp_path_factory, running_redis, running_provider):
    directory = tmp_path_factory.mktemp("relay")
    with RelayProcess(directory, running_redis, running_provider.url) as process:
        yield process


@pytest.fixture
def provider(running_provider):
    running_provider.files.clear()
    running_provider.batches.clear()
    running_provider.asked.clear()
    return running_provider


def sdk(relay, key):
    return openai.OpenAI(api_key=key, base_url=f"{relay.url}/v1", max_retries=0)


def lines(count=COUNT, url="/v1/chat/completions", **members):
    asked = {"model": "gpt-4o-mini", "max_completion_tokens": 50, "messages": []} | members
    rows = [
        {"custom_id": str(n), "method": "POST", "url": url, "body": asked} for n in range(count)
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def begun(client, content=None):
    file = client.files.create(file=("a.jsonl", content or lines()), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )


def test_a_file_is_its_tenants_alone(relay, provider):
    key = relay.project_key()
    mine, theirs = sdk(relay, key), sdk(relay, relay.project_key())
    content = lines(2000)
    files = [mine.files.create(file=("a.jsonl", content), purpose="batch") for _ in range(2)]
    foreign = theirs.files.create(file=("b.jsonl", b"{}"), purpose="batch")
    assert provider.files[files[0].id] == content
    assert [file.id for file in mine.files.list(limit=1)] == [files[1].id, files[0].id]
    assert [file.id for file in theirs.files.list()] == [foreign.id]
    assert mine.files.retrieve(files[0].id).bytes == len(content)
    assert mine.files.content(files[0].id).content == content
    for call in (theirs.files.retrieve, theirs.files.content, theirs.files.delete):
        with pytest.raises(openai.NotFoundError, match="File with id"):
            call(files[0].id)
    with pytest.raises(openai.NotFoundError, match="File with id"):
        theirs.batches.create(
            input_file_id=files[0].id, endpoint="/v1/embeddings", completion_window="24h"
        )
    assert mine.files.delete(files[0].id).deleted
    assert [file.id for file in mine.files.list()] == [files[1].id]


def test_what_another_account_keeps_is_out_of_reach_once_a_key_is_bound(relay, provider):
    relay.project_table(RoutingTable(groups={"empty": ()}))
    key = relay.project_key()
    client = sdk(relay, key)
    batch = begun(client)
    bound = Policy(routing=Routing(group_id="empty"))
    relay.project_policy(team_scope(TEAM), bound)
    shared = relay.project_key(team_id=TEAM)
    with pytest.raises(openai.NotFoundError, match="No account"):
        sdk(relay, shared).files.create(file=("a.jsonl", b"{}"), purpose="batch")
    relay.project_policy(team_scope(TEAM), Policy())
    file = sdk(relay, shared).files.create(file=("a.jsonl", lines()), purpose="batch")
    relay.project_policy(team_scope(TEAM), bound)
    asked = list(provider.asked)
    theirs = sdk(relay, shared)
    for call in (theirs.files.retrieve, theirs.files.content, theirs.files.delete):
        with pytest.raises(openai.NotFoundError, match="File with id"):
            call(file.id)
    assert list(theirs.files.list()) == []
    assert provider.asked == asked
    assert client.batches.cancel(batch.id).status == "cancelled"


def test_what_is_no_upload_is_refused(relay, provider):
    answer = relay.client.post("/v1/files", json={}, headers=bearer(relay.key))
    assert answer.status_code == 415
    revoked = bearer(relay.project_key(status="revoked"))
    refused = relay.client.post("/v1/files", files={"file": b"a"}, headers=revoked)
    assert refused.status_code == 401
    large = relay.client.post("/v1/files", files={"file": b"a" * (33 << 20)})
    assert large.status_code == 413
    assert provider.asked == []


def test_a_batch_is_reserved_for_and_billed_by_its_results(relay, provider):
    key = budgeted(relay)
    client = sdk(relay, key)
    batch = begun(client)
    spent, reserved = money(relay)
    assert (spent, open_jobs(relay)) == (0, 1)
    # Half of 0.60 USD a million, for 50 tokens of each request; the input comes on top.
    assert reserved > COUNT * 50 * 300
    assert look(relay, provider.url)["settled"] == 0
    provider.finish(batch.id)
    shown = client.batches.retrieve(batch.id)
    assert (
        client.files.content(shown.output_file_id).content == provider.files[shown.output_file_id]
    )
    assert [one.id for one in client.batches.list()] == [batch.id]
    look(relay, provider.url)
    (record,) = relay.records()
    assert (record.endpoint, record.status, record.service_tier) == ("batches", "ok", "batch")
    assert (record.tokens.input, record.tokens.output) == (COUNT * 10, COUNT * 4)
    # 10 tokens in at 0.075 USD a million, 4 out at 0.30.
    assert record.cost_usd == "0.000005850000"
    assert money(relay) == (5850, 0)
    assert open_jobs(relay) == 0


def test_a_batch_that_was_cancelled_before_any_answer_costs_nothing(relay, provider):
    client = sdk(relay, budgeted(relay))
    batch = begun(client)
    assert client.batches.cancel(batch.id).status == "cancelled"
    (record,) = relay.records()
    assert (record.status, record.tokens.total, record.cost_usd) == (
        "cancelled",
        0,
        "0.000000000000",
    )
    assert money(relay) == (0, 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lines(max_completion_tokens=None), "output cap, line 1"),
        (lines(web_search_options={}), "web_search_options, line 1"),
    ],
)
def test_what_has_no_bound_is_refused_under_a_hard_budget(relay, provider, content, words):
    with pytest.raises(openai.BadRequestError, match=words):
        begun(sdk(relay, budgeted(relay)), content)
    assert provider.batches == {}
    assert relay.open_leases() == (0, 0)


def test_a_batch_is_never_made_of_another_model_than_it_is_priced_as(relay, provider):
    renamed = stored_account(provider.url, models={"gpt-4o-mini": "gpt-4.1-nano"})
    relay.project_accounts(renamed)
    client = sdk(relay, budgeted(relay))
    with pytest.raises(openai.BadRequestError, match="under another name") as raised:
        begun(client)
    assert raised.value.param == "input_file_id"
    relay.project_accounts()
    relay.project_table(RoutingTable(aliases={"gpt-4o-mini": (AliasRule({"gpt-4.1-nano": 1}),)}))
    with pytest.raises(openai.BadRequestError, match="under another name"):
        begun(client)
    relay.project_table(RoutingTable())
    assert provider.batches == {}
    assert money(relay) == (0, 0)


def test_a_batch_needs_the_right_to_what_it_asks_for(relay, provider):
    with pytest.raises(openai.PermissionDeniedError, match="'chat'"):
        begun(sdk(relay, relay.project_key(scopes=["embeddings"])))
    with pytest.raises(openai.PermissionDeniedError, match="gpt-4o-mini"):
        begun(sdk(relay, relay.project_key(models_allow=["gpt-5*"])))
    assert provider.batches == {}
