import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.dev.front_door_routes import Route, route
from tests.support.front_door_paths import ALL


@pytest.mark.parametrize(("path", "expected"), ALL.items(), ids=str)
def test_the_table(path, expected):
    assert route(path) is expected


@pytest.mark.parametrize("path", [b"", b"*", b"v1/chat/completions"])
def test_what_is_no_path_leads_nowhere(path):
    assert route(path) is Route.NOWHERE


@given(st.binary(max_size=60))
def test_any_bytes_have_an_answer(raw):
    assert route(b"/" + raw) in Route


@given(st.lists(st.sampled_from(["/", "%2f", "//", "/.", "/%2e", "%2F.", "\\", "%5C"]), max_size=6))
def test_no_run_of_separators_opens_metrics(separators):
    path = "".join(separators) + "/mEtr%69cs"
    assert route(path.encode()) is Route.NOWHERE
