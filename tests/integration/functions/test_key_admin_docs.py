"""`/docs` and `/internal/openapi.json`: whole, open to everybody, and loading nothing."""

from html.parser import HTMLParser

import pytest

from functions.key_admin.application import OPERATIONS
from functions.key_admin.openapi import document
from tests.support.admin_checks import problem
from tests.support.key_admin import MASTER_KEY

DOCS, DOCUMENT = "/docs", "/internal/openapi.json"
OF_ENVIRONMENT = "sk-of-the-environment"
# Elements that make a browser load or run something.
LOADING = {"script", "link", "img", "iframe", "object", "embed", "source", "video", "audio", "base"}
# Elements that HTML lets stand without an end tag.
VOID = {"meta", "!doctype"}


class Page(HTMLParser):
    """What is on a page: tags, links, the places they may lead to, and summaries."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.ids, self.summaries = set(), [], [], []
        self._open = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name in ("href", "src", "action", "srcset", "style"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "summary":
            self.summaries.append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "summary" in self._open:
            self.summaries[-1] += f" {data}"


@pytest.fixture(scope="module")
def admin_environment():
    return {"OPENAI_API_KEY": OF_ENVIRONMENT}


@pytest.fixture
def page(key_admin):
    answer = key_admin.call("GET", DOCS, authorization=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer


def test_every_operation_is_on_the_page_once(page):
    found = [" ".join(summary.split()) for summary in Page(page.text).summaries]
    expected = [f"{one.method} {one.path} {one.summary}" for one in OPERATIONS]
    assert sorted(found) == sorted(expected)


def test_each_says_what_it_answers(page):
    entries = page.text.split("<details>")[1:]
    assert len(entries) == len(OPERATIONS)
    for entry in entries:
        (operation,) = [
            one
            for one in OPERATIONS
            if f">{one.method}</span><code>{one.path}</code>" in entry
        ]  # fmt: skip
        for status in (operation.status, 401, 422, *operation.refusals):
            assert f"<tr><td>{status}</td>" in entry
        assert ("<p>Body</p>" in entry) == (operation.body is not None)
        assert ("<p>Answer</p>" in entry) == (operation.answer is not None)
        if operation.query is not None:
            for name in operation.query.model_fields:
                assert f"<td><code>{name}</code></td><td>query</td>" in entry


def test_nothing_is_loaded_from_anywhere(page):
    read = Page(page.text)
    assert not read.tags & LOADING
    inner = [f"#{place}" for place in read.ids]
    assert sorted(read.addresses) == sorted([DOCUMENT, *inner])
    for text in ("url(", "@import", "http:", "https://cdn", "//fonts"):
        assert text not in page.text.partition("</style>")[0]
    policy = page.headers["content-security-policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert page.headers["x-content-type-options"] == "nosniff"


def test_neither_tells_a_secret(key_admin, page):
    answer = key_admin.call("GET", DOCUMENT, authorization=None)
    for secret in (MASTER_KEY, OF_ENVIRONMENT, "internal_secret"):
        assert secret not in page.text + answer.text


def test_the_document_is_the_one_of_the_code(key_admin):
    answer = key_admin.call("GET", DOCUMENT, authorization=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == document(OPERATIONS)


@pytest.mark.parametrize("path", [DOCS, DOCUMENT])
def test_they_are_only_read_and_need_no_store(key_admin, redis_server, path):
    refused = key_admin.call("POST", path)
    problem(refused, 405)
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}
    redis_server.stop()
    assert key_admin.call("GET", path, authorization="Bearer wrong").status_code == 200
