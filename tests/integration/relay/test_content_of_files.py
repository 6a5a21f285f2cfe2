"""Content policies of files and batches: each request is checked by itself."""

import json

import openai
import pytest

from common.domain.content_rules import ContentRules
from common.domain.policies import Policy
from tests.integration.relay.test_content_policy import (
    BLOCK,
    TEAM,
    judged_by,
    keyed,
    post,
)
from tests.support.file_provider import FileProvider
from tests.support.guardrail import verdict
from tests.support.relay_process import MESSAGES, ask, stored_account


def test_files_and_batches_are_checked_request_by_request(relay, guard):
    policy = {"patterns": [{**BLOCK, "where": "input"}], "input_characters_max": 30}
    provider = FileProvider()
    asked_for = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    try:
        relay.project_accounts(stored_account(provider.url))
        plain = relay.project_key(team_id=TEAM)
        unchecked = openai.OpenAI(api_key=plain, base_url=f"{relay.url}/v1", max_retries=0)
        key = keyed(relay, policy | judged_by(guard, "input"), team_id=TEAM)
        client = openai.OpenAI(api_key=key, base_url=f"{relay.url}/v1", max_retries=0)
        for content in ("a blue bird", "x" * 31):
            file = ("a.jsonl", lines(content))
            with pytest.raises(openai.BadRequestError) as refused:
                client.files.create(file=file, purpose="batch")
            assert refused.value.code == "content_blocked"
            made = unchecked.files.create(file=file, purpose="batch")
            with pytest.raises(openai.BadRequestError) as refused:
                client.batches.create(input_file_id=made.id, **asked_for)
            assert refused.value.code == "content_blocked"
        assert guard.texts == []
        made = client.files.create(file=("a.jsonl", lines("x" * 20, "y" * 20)), purpose="batch")
        assert guard.texts == ["x" * 20, "y" * 20]
        assert client.batches.create(input_file_id=made.id, **asked_for).id
        guard.answer = lambda _: verdict("block")
        with pytest.raises(openai.BadRequestError):
            client.batches.create(input_file_id=made.id, **asked_for)
    finally:
        provider.close()


def test_no_webhook_sees_what_redaction_would_not_let_pass_of_a_file(relay, guard):
    provider = FileProvider()
    rules = ContentRules(
        redaction={"entities": {"EMAIL_ADDRESS": "mask"}}, content_policy=judged_by(guard, "input")
    )
    key = relay.project_key(policy=Policy(content=rules), team_id=TEAM)
    client = openai.OpenAI(api_key=key, base_url=f"{relay.url}/v1", max_retries=0)
    plain = relay.project_key(team_id=TEAM)
    unchecked = openai.OpenAI(api_key=plain, base_url=f"{relay.url}/v1", max_retries=0)
    try:
        relay.project_accounts(stored_account(provider.url))
        made = unchecked.files.create(
            file=("a.jsonl", lines("ann.lee@example.com")), purpose="batch"
        )
        with pytest.raises(openai.BadRequestError) as refused:
            client.batches.create(
                input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
        assert refused.value.code == "pii_blocked"
        with pytest.raises(openai.BadRequestError, match="UTF-8"):
            client.files.create(file=("a.csv", b"M\xfcller"), purpose="user_data")
        assert guard.texts == []
    finally:
        provider.close()


def test_message_batches_are_checked_request_by_request(relay, echo):
    key = keyed(relay, {"patterns": [BLOCK], "input_characters_max": 30})

    def asked(*contents):
        requests = [
            {"custom_id": str(number), "params": ask("anthropic", content)}
            for number, content in enumerate(contents)
        ]
        return post(relay, key, {"requests": requests}, f"{MESSAGES}/batches")

    assert asked("x" * 20, "y" * 20).status_code == 200
    assert asked("x" * 20, "y" * 31).status_code == 400
    assert asked("x" * 20, "a blue bird").status_code == 400


def lines(*contents):
    """A batch's file."""
    requests = [
        {
            "custom_id": f"request-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": ask("openai", content, max_tokens=5),
        }
        for number, content in enumerate(contents)
    ]
    return b"\n".join(json.dumps(one).encode() for one in requests)
