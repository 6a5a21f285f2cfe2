"""Accounts that are changed while requests are open."""

import threading

import httpx
import msgspec

from common.domain.accounts import credential_name
from common.keyring import Keyring
from tests.support.processes import INTERNAL_SECRET
from tests.support.relay_process import CHAT, STORED_CREDENTIAL, ask, capturing, stored_account

ANSWER = b'{"choices":[],"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}'
NEW_CREDENTIAL = "sk-provider-of-the-new-address"


def test_a_new_credential_never_goes_to_the_old_address(relay, echo):
    """The second account gets both anew while the first one holds the request up."""
    with capturing(ANSWER) as (old_url, at_old), capturing(ANSWER) as (new_url, at_new):
        first = stored_account(echo.url, models={"m": "gpt-4o-mini"})
        second = stored_account(old_url, priority=2)
        sealed = Keyring("", INTERNAL_SECRET).seal(NEW_CREDENTIAL, credential_name(second.id))
        changed = msgspec.structs.replace(
            second, base_url=f"{new_url}/v1", sealed_credential=sealed
        )
        relay.project_accounts(first, second)
        answers: list[httpx.Response] = []
        held = threading.Thread(
            target=lambda: answers.append(
                relay.client.post(
                    CHAT,
                    json=ask("openai", model="m"),
                    headers={"x-echo-fault": "delay_ms=1500,status=500"},
                )
            )
        )
        held.start()
        while not echo.requests():
            pass
        relay.project_accounts(first, changed)
        headers = {"authorization": f"Bearer {relay.key}"}
        body = ask("openai", model="another")
        httpx.post(relay.url + CHAT, json=body, headers=headers, trust_env=False).raise_for_status()
        held.join()
    assert answers[0].status_code == 200
    sent = [[headers["authorization"] for _, headers, _ in seen] for seen in (at_old, at_new)]
    assert sent == [[f"Bearer {STORED_CREDENTIAL}"], [f"Bearer {NEW_CREDENTIAL}"]]
