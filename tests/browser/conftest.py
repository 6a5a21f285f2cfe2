"""One browser and one key_admin with something in its stores, for the whole module."""

import os
import random
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from common.domain.accounts import built_in_account_id
from common.domain.money import usd_text
from common.domain.usage import Tokens
from tests.support.console import portal_session
from tests.support.key_admin import MASTER_KEY, served_key_admin
from tests.support.processes import ROOT
from tests.support.usage_records import make_record, post_records, ulid_at

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = ROOT / "dist" / "screenshots"
SERIOUS = {"serious", "critical"}
MODELS = {
    "gpt-5-mini": ("openai", "chat.completions", 250_000),
    "claude-sonnet-4-5": ("anthropic", "messages", 3_000_000),
    "gpt-5": ("openai", "responses", 1_250_000),
    "gemini-2.5-flash": ("gemini", "generateContent", 300_000),
}
KEYS = (
    ("checkout-assistant", "alice@example.com", ["production", "web"]),
    ("nightly-summaries", "batch-runner", ["production"]),
    ("support-copilot", "bruno@example.com", ["production", "support"]),
    ("code-review-bot", "ci", ["internal"]),
    ("claire's laptop", "claire@example.com", []),
    ("evaluation sandbox", "daisuke@example.com", ["experiments"]),
)


@pytest.fixture(scope="module")
def chromium(console):
    """The browser, after the stores: Playwright's loop lets no other run beside it.

    Its sandbox needs rights that a container's root has not.
    """
    if CHROMIUM is None and "CI" not in os.environ:
        pytest.skip("there is no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def console(postgres_server, _worker_redis, tmp_path_factory):
    """A key_admin with teams, keys, an account and a week of requests."""
    log = tmp_path_factory.mktemp("console") / "log"
    more = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    with served_key_admin(postgres_server, _worker_redis, log, **more) as key_admin:
        _worker_redis.flush()
        fill(key_admin)
        yield key_admin


class Visitor:
    """A signed-in browser window that keeps what the browser complains of."""

    def __init__(self, browser, url, **options):
        self._context = browser.new_context(
            base_url=url, **({"viewport": {"width": 1280, "height": 800}} | options)
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message):
        # Chromium also reports each answer that is no success, such as a form's 422.
        if message.type == "error" and "the server responded with a status" not in message.text:
            self.complaints.append(message.text)

    def sign_in(self):
        self.page.goto("/admin/login")
        self.page.locator("#master_key").fill(MASTER_KEY)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/admin")

    def is_portal_user(self, key_admin, user_id):
        token = portal_session(key_admin, user_id)
        self._context.add_cookies([{"name": "relay-session", "value": token, "url": key_admin.url}])

    def check(self, name):
        """A screenshot, and what axe-core finds in the page."""
        from axe_playwright_python.sync_playwright import Axe

        expect(self.page.locator(".later[aria-busy]")).to_have_count(0)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
        found = Axe().run(self.page).response["violations"]
        faults = [
            (one["id"], [node["html"][:200] + str(node["any"])[:300] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in SERIOUS
        ]
        assert faults == [], name
        assert self.complaints == [], name
        self.fits(name)

    def fits(self, name):
        """The page scrolls only down, and on a wide screen its tables do too."""
        width, tables = self.page.evaluate(
            """[document.documentElement.scrollWidth,
                [...document.querySelectorAll(".scroll")].map(
                    one => one.scrollWidth - one.clientWidth)]"""
        )
        assert width <= self.page.viewport_size["width"], f"{name} is too wide"
        if self.page.viewport_size["width"] >= 1280:
            assert [beyond for beyond in tables if beyond > 1] == [], f"{name} has too wide a table"

    def close(self):
        self._context.close()


@pytest.fixture
def visit(chromium, console):
    """Opens windows: `visit(color_scheme="dark")`."""
    opened = []

    def visitor(portal_user="", **options):
        opened.append(Visitor(chromium, console.url, **options))
        if portal_user:
            opened[-1].is_portal_user(console, portal_user)
        else:
            opened[-1].sign_in()
        return opened[-1]

    yield visitor
    for one in opened:
        one.close()


def fill(key_admin):
    """What a small company has after some days."""

    def post(path, **members):
        answer = key_admin.call("POST", path, json=members)
        assert answer.is_success, answer.text
        return answer.json()

    budgets = [{"period": "month", "usd": "4", "policy": "clamp"}]
    product = post("/internal/teams", name="Product", description="What customers see",
                   budgets=budgets, self_service={"enabled": True, "expires_within_days": 90},
                   )["id"]  # fmt: skip
    post("/internal/users", id="alice@example.com", team_id=product)
    research = post("/internal/teams", name="Research",
                    budgets=[{"period": "week", "usd": "2", "policy": "soft"}])["id"]  # fmt: skip
    key_admin.call(
        "PATCH", "/internal/organisation",
        json={"budgets": [{"period": "month", "usd": "20", "policy": "deny"}]},
    ).raise_for_status()  # fmt: skip
    post("/internal/accounts", name="openai-eu", provider="openai", region="",
         credential={"api_key": "sk-x"}, models=["gpt-5", "gpt-5-mini"], priority=10)  # fmt: skip
    keys = []
    for place, (name, user, tags) in enumerate(KEYS):
        team = (product, product, product, research, None, research)[place]
        more = {"limits": {"requests_per_minute": 120}} if place < 2 else {}
        keys.append(key_admin.created(name=name, user_id=user, tags=tags, team_id=team, **more))
    key_admin.call("POST", f"/internal/api-keys/{keys[5]['id']}/revoke").raise_for_status()
    post_records(key_admin.database_url, *a_week_of_requests(keys))
    # Redis is rebuilt from the ledger, with what budgets have spent.
    with key_admin.redis() as redis:
        redis.flushdb()
    key_admin.created(name="data-team notebooks", user_id="erik@example.com")


def a_week_of_requests(keys):
    """The same in every run but for when it is."""
    chance = random.Random(20261126)
    now = datetime.now(UTC)
    records = []
    for _ in range(420):
        model = chance.choices(list(MODELS), (6, 4, 2, 1))[0]
        provider, endpoint, price = MODELS[model]
        # Days have their hours, and each day a little more than the one before.
        back = min(chance.expovariate(1 / 2.6), 6.8)
        moment = now - timedelta(days=back)
        key = chance.choices(keys, (7, 4, 5, 2, 1, 1))[0]
        status = chance.choices(("ok", "error", "cancelled"), (95, 3, 2))[0]
        output = chance.randrange(40, 1800)
        tokens = Tokens(
            input=chance.randrange(200, 9000), output=output, cache_read=chance.randrange(6000)
        )
        per_token = {"input": price, "output": 4 * price, "cache_read": price // 10}
        pico = per_token["input"] * tokens.input + per_token["output"] * output
        pico += per_token["cache_read"] * tokens.cache_read
        if status == "error":
            tokens, pico = Tokens(input=0, output=0), 0
        first_token_ms = chance.randrange(180, 900)
        records.append(
            make_record(
                id=ulid_at(moment),
                key_id=key["id"],
                user_id=key["user_id"],
                team_id=key["team_id"],
                provider=provider,
                endpoint=endpoint,
                account_id=built_in_account_id(provider),
                dialect="anthropic" if provider == "anthropic" else "openai",
                model_requested=model,
                model_served=None if status == "error" else model,
                status=status,
                finish_cause="complete" if status == "ok" else status,
                error_code="rate_limited" if status == "error" else None,
                tokens=tokens,
                cost_usd=usd_text(pico),
                unit_prices=per_token,
                priced_as=model,
                price_version="2026-11-25",
                latency_ms=first_token_ms + chance.randrange(200, 8000),
                first_token_ms=first_token_ms,
                client="OpenAI/Python",
            )
        )
    return records
