"""Each page's main task in a real browser."""

import re

from playwright.sync_api import expect

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
PAGES = (
    *("keys/bulk", "keys/bulk?source=table", "requests/export", "budgets"),
    *("", "keys", "keys/new", "requests", "audit", "teams", "teams/new", "users", "accounts"),
    *("prices", "system", "preferences", "accounts/new", "accounts/new/bedrock"),
    *("routing", "routing/edit", "routing/aliases", "routing/groups/new", "routing/simulator"),
)
POLICY_PAGES = (
    *("organisation", "organisation/edit", "policies/content-policy", "policies/response-cache"),
    *("prices/import", "prices/recompute"),
)


PORTAL_PAGES = ("", "keys/new", "requests")
PHONE_PAGES = (
    *("", "keys", "keys/new", "requests", "system", "policies", "policies/redaction"),
    *("prices/import", "routing/aliases/new", "accounts/new/groq"),
    *("keys/bulk", "requests/export", "budgets"),
)


def go_through_all(visitor, pages, suffix, home="/admin"):
    for path in pages:
        visitor.page.goto(f"{home}/{path}".rstrip("/"))
        named = ("" if home == "/admin" else "portal-") + (
            re.sub(r"[^a-z]+", "-", path) or "overview"
        )
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
    # A whole key is cut before it is sent: it stays in no address.
    page.get_by_label("Search").fill("cr_" + "a" * 43)
    expect(page).to_have_url(re.compile("search=cr_a{8}(&|$)"))
    page.get_by_label("Search").fill("night")
    expect(page.locator("#region tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("search=night"))
    page.get_by_role("link", name="nightly-summaries").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("nightly-summaries")
    visitor.check("key-light")
    page.get_by_role("link", name="All requests").click()
    page.get_by_label("Status").select_option("error")
    expect(page).to_have_url(re.compile("status=error"))
    page.get_by_label("Key", exact=True).fill("no such key")
    page.get_by_label("Key", exact=True).press("Enter")
    expect(page.locator("#key_id-about")).to_contain_text("No key has this name")
    expect(page.get_by_role("heading", name="A filter is wrong")).to_be_visible()
    expect(page.get_by_label("Key", exact=True)).to_have_value("no such key")
    expect(page.get_by_label("Status")).to_have_value("error")
    visitor.check("requests-wrong-light")
    page.goto("/admin/requests")
    page.locator("#region tbody a").first.click()
    expect(page.get_by_role("heading", name="Price")).to_be_visible()
    visitor.check("receipt-light")
    wide = page.viewport_size
    for width in (390, 360):
        page.set_viewport_size({"width": width, "height": 740})
        visitor.fits(f"a receipt at {width} px")
    page.set_viewport_size(wide)
    page.goto("/admin/requests")
    page.get_by_role("link", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().startswith("id,kind,")
    expect(page.get_by_text("Done:")).to_be_visible()
    visitor.check("export-done-light")


def test_many_keys_are_made_of_a_file_and_the_chosen_ones_changed(visit):
    visitor = visit()
    page = visitor.page
    page.goto("/admin/keys/bulk?source=table")
    table = "name,user,tags,concurrency\nroom 1,anna,room|spring,5\nroom 2,ben,room,none\n"
    page.get_by_label("A CSV file").set_input_files(
        {"name": "rooms.csv", "mimeType": "text/csv", "buffer": table.encode()}
    )
    expect(page.get_by_label("Table", exact=True)).to_have_value(table)
    page.get_by_role("button", name="Create keys").click()
    expect(page.get_by_role("alert")).to_contain_text("concurrency")
    visitor.check("keys-bulk-faults")
    page.get_by_label("Table", exact=True).fill(table.replace("none", ""))
    page.get_by_role("button", name="Create keys").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    saved = download.value.path().read_text()
    assert saved.count("cr_") == 2
    visitor.check("keys-bulk-made")
    page.goto("/admin/keys?tag=room")
    page.get_by_label("Select all on this page").check()
    page.get_by_label("Select room 2").uncheck()
    visitor.check("keys-chosen")
    page.get_by_role("button", name="Change selected").click()
    page.get_by_label("Add tags").fill("autumn")
    page.get_by_label("Requests at once").fill("9")
    visitor.check("keys-change")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 key changes")
    visitor.check("keys-change-preview")
    page.get_by_role("button", name="Change 1 key").click()
    expect(page.get_by_text("1 key is changed")).to_be_visible()
    page.get_by_role("link", name="autumn").click()
    expect(page.locator("#region tbody tr")).to_have_count(1)


def test_the_tree_of_limits_opens_down_to_a_key(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("link", name="Budgets", exact=True).click()
    expect(page.get_by_text("Budget per month").first).to_be_visible()
    page.get_by_label("Show what is below Product").click()
    page.get_by_label("Show what is below alice@example.com").click()
    expect(page.get_by_role("link", name="checkout-assistant")).to_be_visible()
    visitor.check("budgets-open")


def test_a_policy_is_tried_and_saved(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("link", name="Teams", exact=True).click()
    page.get_by_role("link", name="Research").click()
    page.get_by_role("link", name="Policies").last.click()
    page.get_by_role("link", name="Edit: Redaction").click()
    page.get_by_label("Redaction", exact=True).select_option("rules")
    page.get_by_label("Contact: e-mail, phone").select_option("mask")
    page.get_by_label("Entity").first.fill("TICKET")
    page.get_by_label("Pattern", exact=True).first.fill("(")
    page.get_by_role("button", name="Save").click()
    wrong = page.get_by_label("Pattern", exact=True).first
    expect(wrong).to_have_attribute("aria-invalid", "true")
    wrong.fill("TCK-[0-9]+")
    page.get_by_label("Text", exact=True).fill("ann@example.com wrote about TCK-17")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("mark")).to_have_text(["ann@example.com", "TCK-17"])
    visitor.check("policy-tried")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It holds")).to_be_visible()
    visitor.check("policies-of-a-team")


def test_every_page_is_right_in_the_light(visit):
    visitor = visit(color_scheme="light")
    go_through_all(visitor, PAGES, "light")
    visitor.page.goto("/admin")
    visitor.page.get_by_role("link", name="Requests", exact=True).nth(1).click()
    expect(visitor.page).to_have_url(re.compile("measure=requests"))
    visitor.page.get_by_role("link", name="24 h").click()
    expect(visitor.page).to_have_url(re.compile("range=24h"))


def test_a_part_of_the_overview_that_fails_says_so_and_is_there_without_a_script(visit):
    visitor = visit()
    page = visitor.page
    asked = []
    page.route(
        "**/admin/overview/budgets",
        lambda route: (asked.append(1), route.fulfill(status=503, body="away")),
    )
    page.goto("/admin")
    expect(page.get_by_text("This could not be loaded.")).to_be_visible()
    expect(page.get_by_role("region", name="Keys by spend")).to_contain_text("nightly-summaries")
    assert asked == [1]
    # That htmx writes it down too is right here.
    assert len(visitor.complaints) == 1
    visitor.complaints.clear()
    visitor.check("overview-part-failed")
    page.unroute("**/admin/overview/budgets")
    for path in ("overview/budgets", "overview/keys?range=24h"):
        page.goto(f"/admin/{path}")
        visitor.check(path.partition("?")[0].replace("/", "-"))
    what_happens_right_now_is_asked_for_while_somebody_looks(page)


def what_happens_right_now_is_asked_for_while_somebody_looks(page):
    page.clock.install()
    page.goto("/admin")
    expect(page.locator(".later[aria-busy]")).to_have_count(0)
    with page.expect_response("**/admin/overview/live") as answer:
        page.clock.run_for(10_000)
    assert answer.value.ok
    stopped = page.get_by_text("Not asked for any more.")
    expect(stopped).to_be_hidden()
    page.clock.fast_forward(301_000)
    page.clock.run_for(10_000)
    expect(stopped).to_be_visible()
    asked = []
    page.route("**/admin/overview/live", lambda route: (asked.append(1), route.abort()))
    page.clock.run_for(30_000)
    assert asked == []
    # Somebody is back; that it fails is nobody's matter.
    page.keyboard.press("Shift")
    with page.expect_event("requestfailed"):
        page.clock.run_for(10_000)
    expect(stopped).to_be_hidden()
    expect(page.get_by_role("heading", name="Right now")).to_be_visible()


def test_pages_of_policies_and_price_changes_are_right_in_the_light(visit):
    go_through_all(visit(color_scheme="light"), POLICY_PAGES, "light")


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


def test_requests_are_bound_split_and_their_route_is_simulated(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("link", name="Routing", exact=True).click()
    page.get_by_role("link", name="Account groups").click()
    page.get_by_role("link", name="New group").first.click()
    page.get_by_label("Name", exact=True).fill("europe")
    page.get_by_label("openai-eu").check()
    page.get_by_role("button", name="Create group").click()
    expect(page.get_by_text("Saved. It holds")).to_be_visible()
    page.goto("/admin/teams")
    page.get_by_role("link", name="Research").click()
    page.get_by_role("link", name="Routing", exact=True).nth(1).click()
    page.get_by_label("Served by").select_option("europe")
    page.get_by_label("When nobody can serve").first.fill("gpt-5")
    page.get_by_role("button", name="Save").last.click()
    wrong = page.get_by_label("Models to ask instead, in turn").first
    expect(wrong).to_have_attribute("aria-invalid", "true")
    visitor.check("team-routing-errors")
    wrong.fill("gpt-5-mini")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Saved. It holds")).to_be_visible()
    page.goto("/admin/routing/aliases/new?name=auto")
    page.get_by_label("Models", exact=True).fill("gpt-5 = 3\ngpt-5-mini = 1")
    page.get_by_role("button", name="Add a rule").click()
    expect(page.get_by_label("Models", exact=True).nth(1)).to_be_focused()
    page.keyboard.type("claude-sonnet-4-5")
    page.get_by_role("button", name="Move rule 2 up").click()
    expect(page.get_by_label("Models", exact=True).first).to_have_value("claude-sonnet-4-5")
    page.get_by_label("Input tokens at least").first.fill("20000")
    visitor.check("alias-new-light")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("cell", name="≥ 20,000 input tokens")).to_be_visible()
    visitor.check("aliases-light")
    page.goto("/admin/routing/simulator")
    page.get_by_label("Model", exact=True).fill("auto")
    page.get_by_label("Key", exact=True).fill("code-review-bot")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("openai-eu would serve it, as gpt-5")
    expect(page.get_by_text("75% of such requests").first).to_be_visible()
    visitor.check("simulator-light")
    page.goto("/admin/routing/groups")
    page.get_by_role("link", name="europe").click()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("alert")).to_contain_text("It is in use")
    expect(page.get_by_role("link", name="Research")).to_be_visible()
    visitor.check("group-in-use")
