"""Settings in a real browser: a channel that is tested, a logo, a token."""

from playwright.sync_api import expect

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'


PAGES = ("notifications", "notifications/new/email", "service-accounts/new", "sessions", "branding")


def test_every_page_of_settings_is_right_in_the_light_and_in_the_dark_on_a_phone(visit):
    light = visit(color_scheme="light")
    phone = visit(color_scheme="dark", viewport={"width": 360, "height": 740}, is_mobile=True)
    for path in PAGES:
        for visitor, name in ((light, "light"), (phone, "phone-dark")):
            visitor.page.goto(f"/admin/{path}")
            visitor.check(f"{path.replace('/', '-')}-{name}")


def test_names_without_blanks_make_no_page_and_no_table_too_wide(visit, console):
    def post(path, **members):
        answer = console.call("POST", f"/internal/{path}", json=members)
        assert answer.is_success, answer.text
        return answer.json()["id"]

    name = "n" * 100
    team = post("teams", name=name, description="d" * 500)
    user = post("users", id="u" * 100, name=name, team_id=team)
    key = console.created(name=name, user_id=user, team_id=team, tags=["t" * 60])["id"]
    post("groups", name=name, account_ids=[])
    post("service-accounts", name=name, role="viewer", areas=["keys", "usage", "prices", "teams"])
    chosen = ("keys", f"keys/{key}/revoke", f"keys/change?which=ids&k={key}", "teams", "users",
              f"teams/{team}", f"users/{user}", "routing/groups", "service-accounts")  # fmt: skip
    for width in (1280, 360):
        visitor = visit(viewport={"width": width, "height": 740})
        for path in chosen:
            visitor.page.goto(f"/admin/{path}")
            visitor.fits(f"{path} at {width} px")


def test_a_channel_is_tested_and_a_logo_and_a_service_account_are_made(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("link", name="Notifications").click()
    page.get_by_role("link", name="New channel").first.click()
    page.get_by_role("link", name="Webhook To a program").click()
    page.get_by_label("Name", exact=True).fill("on call")
    page.get_by_label("Address").fill("http://127.0.0.1:1/hook")
    page.get_by_label("Signing secret").fill("whsec_short")
    page.get_by_label("Budget reaches a mark").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Signing secret")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Budget reaches a mark")).to_be_checked()
    page.get_by_label("Signing secret").fill("whsec_" + "c2VjcmV0" * 6)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("alert")).to_contain_text("The test did not arrive")
    visitor.check("notification-tested")
    page.get_by_role("link", name="Branding").click()
    page.get_by_label("Name", exact=True).fill("Acme AI")
    picture = {"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": LOGO}
    page.get_by_label("Logo", exact=True).set_input_files(picture)
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_title("Branding · Acme AI")
    assert page.locator(".brand img").evaluate("image => image.decode().then(() => image.width)")
    visitor.check("branding-set")
    page.get_by_label("Use Relay's own mark again").check()
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Service accounts").click()
    page.get_by_role("link", name="New service account").first.click()
    page.get_by_label("Name", exact=True).fill("ci")
    page.get_by_label("keys", exact=True).check()
    page.get_by_role("button", name="Create and show its token").click()
    expect(page.locator("#secret")).to_contain_text("rsa_")
    visitor.check("service-account-made")
    page.get_by_role("link", name="Go to the service account").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("h1 .badge")).to_have_text("revoked")
    assert visitor.complaints == []
