"""Which model an account serves a requested one as."""

import pytest

from common.domain.accounts import AccountRecord


def account(**models):
    return AccountRecord("01A", "one", "openai", "http://x", **models)


MODELS = {"gpt-*": "gpt-*", "gpt-4o": "own-4o", "gpt-4*": "gpt-4.1", "o?": "o?", "x[12]": "y"}


@pytest.mark.parametrize(
    ("requested", "served"),
    [
        ("gpt-4o", "own-4o"),  # the exact name first
        ("gpt-4o-mini", "gpt-4.1"),  # then the longest glob, whatever the order
        ("gpt-5", "gpt-5"),  # a glob that maps to itself keeps the name
        ("o3", "o3"),
        ("o33", None),
        ("x2", "y"),
        ("GPT-5", None),
        ("my-gpt-5", None),
        ("gpt-5\n", "gpt-5\n"),
    ],
)
def test_exact_names_then_globs(requested, served):
    assert account(models=MODELS).served_model(requested) == served
    backwards = dict(reversed(MODELS.items()))
    assert account(models=backwards).served_model(requested) == served


def test_no_list_serves_anything():
    assert account().served_model("any") == "any"
