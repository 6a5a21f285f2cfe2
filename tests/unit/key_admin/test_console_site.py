"""Whose forms the pages take: looked at before what a form says is read."""

import pytest
from starlette.requests import Request

from common.domain.roles import Actor, Role
from functions.key_admin.console import site
from functions.key_admin.console.asking import Asking
from functions.key_admin.console.pages import keys_bulk
from functions.key_admin.console.site import CONSOLE, Page
from functions.key_admin.portal.site import SITE as PORTAL
from functions.key_admin.problem import Problem

PAGES = (*CONSOLE.pages, *PORTAL.pages)


def request(method="POST"):
    scope = {"type": "http", "method": method, "path": "/", "headers": [], "query_string": b""}
    return Request(scope)


def asking(role, **members):
    return Asking(request(), Actor("somebody", "oidc", role, "somebody", **members))


def forms_of(one):
    """The forms that are taken from somebody, by their addresses' patterns."""
    return {page.pattern for page in PAGES if page.asks and _may_send(one, page)}


def _may_send(one, page):
    try:
        one.check(page.asks)
    except Problem:
        return False
    return True


def test_a_page_with_a_form_names_what_the_form_asks_for():
    with pytest.raises(ValueError, match="names what the form asks for"):
        Page("new", "new", submit="save")


def test_each_role_may_send_the_forms_of_what_it_may_do():
    forms = {page.pattern for page in PAGES if page.submit}
    viewer, admin = forms_of(asking(Role.VIEWER)), forms_of(asking(Role.ADMIN))
    assert viewer == {
        "preferences",
        "sessions/everywhere",
        "sessions/(?P<session_id>[0-9A-Z]{26})/end",
    }
    team_admin = forms_of(asking(Role.TEAM_ADMIN, team_ids=frozenset("A")))
    assert {"keys/new", "keys/bulk"} < team_admin
    assert not {one for one in team_admin if one.startswith(("accounts", "prices", "branding"))}
    assert viewer < forms_of(asking(Role.OPERATOR)) < admin
    portal = forms_of(asking(Role.PORTAL, user_id="u"))
    assert forms <= admin | portal


@pytest.mark.parametrize(
    ("asked", "below"),
    [
        (b"/admin", ""),
        (b"/admin/", ""),
        (b"/admin/%6beys/new", "keys/new"),
        (b"/admin/users/a%2fedit", "users/a%2Fedit"),
        (b"/admin/users/a/edit", "users/a/edit"),
        (b"/admin/users/a%252Fedit", "users/a%252Fedit"),
        (b"/admin/users/\xc3\xa9@x", "users/%C3%A9%40x"),
        (b"/admin%2Fkeys", "%2Fkeys"),
        (b"/admin//keys", "/keys"),
    ],
)
def test_a_slash_in_an_id_is_no_separator(asked, below):
    assert site.path_below(Request(request().scope | {"raw_path": asked}), "/admin") == below


async def test_a_form_is_not_read_from_whom_may_do_nothing_with_it(monkeypatch):
    read = []

    async def nothing(*_, **__):
        return {}

    async def viewer(*_, **__):
        return Actor("somebody", "oidc", Role.VIEWER, "somebody")

    monkeypatch.setattr(site, "read_form", nothing)
    monkeypatch.setattr(site, "page_actor", viewer)
    monkeypatch.setattr(keys_bulk, "create", lambda *_: read.append("it"))
    monkeypatch.setattr(keys_bulk, "show_new", lambda *_: read.append("it"))
    for method in ("POST", "GET"):
        with pytest.raises(Problem) as refused:
            await site._answer(request(method), "keys/bulk", CONSOLE)
        assert (refused.value.status, read) == (403, [])


async def test_no_body_is_made_for_whom_may_not_send_it():
    # It could not be encoded.
    with pytest.raises(Problem, match="viewer"):
        await asking(Role.VIEWER).raw("POST", "/internal/api-keys", body={"no": object()})
