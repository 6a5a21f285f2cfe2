"""Each page's main task in a real browser."""

import re

from playwright.sync_api import expect

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
PAGES = (
    *("", "keys", "keys/new", "requests", "audit", "teams", "teams/new", "users", "accounts"),
    *("prices", "system", "preferences"),
)


PORTAL_PAGES = ("", "keys/new", "requests")
PHONE_PAGES = ("", "keys", "keys/new", "requests", "system")


def go_through_all(visitor, pages, suffix, home="/admin"):
    for path in pages:
        visitor.page.goto(f"{home}/{path}".rstrip("/"))
        named = ("" if home == "/admin" else "portal-") + (path.replace("/", "-") or "overview")
        visitor.check(f"{named}-{suffix}")


def test_a_key_is_made_used_changed_rotated_and_revoked(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("link", name="Keys", exact=True).click()
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name", exact=True).fill("made in a browser")
    page.get_by_label("Requests per minute").fill("many")
    page.get_by_role("button", name="Create key").click()
    wrong = page.get_by_label("Requests per minute")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_value("many")
    visitor.check("key-new-errors")
    wrong.fill("90")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#secret").inner_text()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_text("Claude Code").click()
    expect(page.get_by_text("ANTHROPIC_AUTH_TOKEN")).to_be_visible()
    visitor.check("key-made")
    page.get_by_role("link", name="Go to the key").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Tags").fill("browser")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It holds")).to_be_visible()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Rotate").click()
    assert page.locator("#secret").inner_text() != secret
    page.get_by_role("link", name="Go to the key").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("h1 .badge")).to_have_text("revoked")
    assert visitor.complaints == []


def test_keys_and_requests_are_found(visit):
    visitor = visit()
    page = visitor.page
    page.goto("/admin/keys")
    page.get_by_label("Search").fill("night")
    expect(page.locator("#region tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("search=night"))
    page.get_by_role("link", name="nightly-summaries").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("nightly-summaries")
    visitor.check("key-light")
    page.get_by_role("link", name="All requests").click()
    page.get_by_label("Status").select_option("error")
    expect(page).to_have_url(re.compile("status=error"))
    page.goto("/admin/requests")
    page.locator("#region tbody a").first.click()
    expect(page.get_by_role("heading", name="Price")).to_be_visible()
    visitor.check("receipt-light")
    page.goto("/admin/requests")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert download.value.path().read_text().startswith("id,kind,")


def test_every_page_is_right_in_the_light(visit):
    visitor = visit(color_scheme="light")
    go_through_all(visitor, PAGES, "light")
    visitor.page.goto("/admin")
    visitor.page.get_by_role("link", name="Requests", exact=True).nth(1).click()
    expect(visitor.page).to_have_url(re.compile("measure=requests"))
    visitor.page.get_by_role("link", name="24 h").click()
    expect(visitor.page).to_have_url(re.compile("range=24h"))


def test_every_page_is_right_in_the_dark_on_a_phone(visit):
    visitor = visit(color_scheme="dark", **PHONE)
    page = visitor.page
    expect(page.get_by_role("link", name="Audit log")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("link", name="Audit log").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit log")
    go_through_all(visitor, PHONE_PAGES, "phone-dark")


def test_somebody_helps_themselves_in_the_portal(visit):
    visitor = visit(portal_user="alice@example.com", color_scheme="dark", **PHONE)
    page = visitor.page
    go_through_all(visitor, PORTAL_PAGES, "phone-dark", "/portal")
    page.goto("/portal")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name", exact=True).fill("made by myself")
    page.get_by_label("USD").first.fill("5")
    page.get_by_role("button", name="Create key").click()
    wrong = page.get_by_label("USD").first
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_value("5")
    wrong.fill("3")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("link", name="Go to the key").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("h1 .badge")).to_have_text("revoked")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/portal")
    page.get_by_role("link", name="checkout-assistant").first.click()
    visitor.check("portal-key-light")
    page.goto("/portal/check")
    page.get_by_label("API key").fill(secret)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("This API key has been revoked.")).to_be_visible()
    visitor.check("portal-check-light")
    page.goto("/portal")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Relay: your keys")
    visitor.check("portal-sign-in-light")


def test_by_keyboard_alone_in_german(visit):
    visitor = visit(locale="de-DE")
    page = visitor.page
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Zum Inhalt springen")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.goto("/admin/keys")
    page.get_by_role("link", name="Neuer Schlüssel").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("nur mit Tasten")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Kopieren Sie ihn jetzt")).to_be_visible()
    visitor.check("key-made-german")
