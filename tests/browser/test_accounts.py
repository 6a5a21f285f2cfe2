"""The account pages' main task in a real browser: add one, see it work, see why it does not."""

import json

import pytest
from playwright.sync_api import expect

from common.identifiers import now_ms
from tests.support.echo import EchoProcess
from tests.support.relay_process import PREFIX


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    with EchoProcess(tmp_path_factory.mktemp("echo")) as process:
        yield process


def test_an_account_is_added_tried_and_says_why_it_rests(visit, console, echo):
    visitor = visit(color_scheme="dark")
    page = visitor.page
    page.goto("/admin/accounts")
    page.get_by_role("link", name="Add account").click()
    page.get_by_role("link", name="Ollama").click()
    page.get_by_label("Name", exact=True).fill("made in a browser")
    page.get_by_label("Address (base URL)").fill(f"{echo.url}/v1")
    page.get_by_label("It takes no API key").uncheck()
    page.get_by_label("Models that it serves").fill("llama3.3 = gpt-4o")
    page.get_by_role("button", name="Add account").click()
    wrong = page.get_by_label("API key", exact=True)
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Models that it serves")).to_have_value("llama3.3 = gpt-4o")
    visitor.check("account-new-errors")
    wrong.fill("sk-from-a-browser")
    page.get_by_role("button", name="Add account").click()
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("Question").fill("What is streamed?")
    page.get_by_role("button", name="Ask").click()
    # It is the script's: the page was not loaded anew.
    expect(page.locator("#trial-steps")).to_contain_text("It works.")
    expect(page.locator("#trial-answer")).not_to_be_empty()
    expect(page.locator("#announcements")).to_have_text("It works.")
    expect(page).not_to_have_url(f"{console.url}/admin/accounts/test")
    page.get_by_text("All that came").click()
    visitor.check("account-trial")
    account_id = page.url.partition("?")[0].partition("#")[0].rpartition("/")[2]
    since = now_ms()
    failure = {"at_ms": since, "reason": "upstream_credential", "status": 401, "count": 2}
    kept = json.dumps(failure | {"message": "Incorrect API key provided: sk-fr***ser."})
    with console.redis() as redis:
        rest = f"{since + 900_000} 900000 0 {since} unauthorized -"
        redis.hset(f"{PREFIX}:cooldowns", account_id, rest)
        redis.hset(f"{PREFIX}:account-failures", account_id, kept)
        redis.lpush(f"{PREFIX}:account-errors:{account_id}", kept)
    page.goto(f"/admin/accounts/{account_id}")
    expect(page.get_by_text("Relay tries it every ten minutes")).to_be_visible()
    visitor.check("account-rests")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Priority").fill("10")
    visitor.check("account-edit")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It holds")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    visitor.check("account-delete")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted. Its credential is gone.")).to_be_visible()
    assert visitor.complaints == []
