import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.dev.front_door_routes import Route, route


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/health/live", Route.EDGE),
        ("/health/ready", Route.EDGE),
        ("/health", Route.NOWHERE),
        ("/v1/usage/summary", Route.KEY_ADMIN),
        ("/v1/usage/", Route.KEY_ADMIN),
        ("/v1/usages", Route.RELAY),
        ("/v1/chat/completions", Route.RELAY),
        ("/v1/models/openai%2Fgpt-4o", Route.RELAY),
        ("/v1/models/a.b-c:free", Route.RELAY),
        ("/v1beta/models/gemini:generateContent", Route.RELAY),
        ("/internal/api-keys", Route.KEY_ADMIN),
        ("/admin", Route.KEY_ADMIN),
        ("/admin/keys", Route.KEY_ADMIN),
        ("/auth/login", Route.KEY_ADMIN),
        ("/portal", Route.KEY_ADMIN),
        ("/portal/keys", Route.KEY_ADMIN),
        ("/docs", Route.KEY_ADMIN),
        ("/docs/other", Route.NOWHERE),
        ("/", Route.NOWHERE),
        ("/v1", Route.NOWHERE),
        ("/V1/chat/completions", Route.NOWHERE),
        ("", Route.NOWHERE),
        ("*", Route.NOWHERE),
    ],
)
def test_the_table(path, expected):
    assert route(path.encode()) is expected


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/metricsx",
        "/METRICS",
        "/Prometheus/metrics",
        "//metrics",
        "/./metrics",
        "/%6detrics",
        "/%6Detrics",
        "/%256detrics",
        "/%25256detrics",
        "/%2fmetrics",
        "/%2e/metrics",
        "/v1/../metrics",
        "/v1/..%2fmetrics",
        "/v1/%2e%2e/metrics",
        "/v1/..%5cmetrics",
        "/v1/x/..;a=1/../metrics",
        "/v1\\..\\metrics",
        "/internal/../prometheus",
        "/metrics;x=1",
        "/metrics%20",
        "/%20metrics",
    ],
)
def test_metrics_stay_closed_in_any_spelling(path):
    assert route(path.encode()) is Route.NOWHERE


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../internal/api-keys",
        "/v1/x/..%2f..%2finternal/api-keys",
        "/v1/x\\..\\..\\internal/api-keys",
        "/internal/../v1/chat/completions",
        "/v1/usage/../chat/completions",
        "/v1/x/../usage/me",
        "/v1/%252e%252e/internal/api-keys",
        "/auth/..",
    ],
)
def test_a_path_with_two_readings_is_refused(path):
    assert route(path.encode()) is Route.NOWHERE


def test_endless_encoding_is_refused():
    assert route(b"/v1/%" + b"25" * 40 + b"41") is Route.NOWHERE


@given(st.binary(max_size=60))
def test_any_bytes_have_an_answer(raw):
    assert route(b"/" + raw) in Route


@given(st.lists(st.sampled_from(["/", "%2f", "//", "/.", "/%2e", "%2F.", "\\", "%5C"]), max_size=6))
def test_no_run_of_separators_opens_metrics(separators):
    path = "".join(separators) + "/mEtr%69cs"
    assert route(path.encode()) is Route.NOWHERE
