"""What a translated request to Converse can use at most, and its cap."""

import json

import pytest

from common.dialects.bedrock.bounds import converse_bound, set_converse_cap


@pytest.mark.parametrize(
    "config", [None, {}, {"temperature": 0.5}, {"maxTokens": 900, "stopSequences": ["a"]}]
)
def test_the_cap_takes_its_place(config):
    given = {"messages": []} | ({} if config is None else {"inferenceConfig": config})
    capped = json.loads(set_converse_cap(json.dumps(given).encode(), 77, "bedrock"))
    assert capped["inferenceConfig"] == (config or {}) | {"maxTokens": 77}
    assert capped["messages"] == []


def test_the_window_bounds_the_input_and_thinking_the_cap_from_below():
    body = {"additionalModelRequestFields": {"thinking": {"budget_tokens": 1024}}}
    bound = converse_bound(json.dumps(body).encode())
    assert (bound.input_tokens, bound.least_output, bound.unbounded) == (None, 1025, None)
    assert converse_bound(b"{}").least_output == 1
    assert converse_bound(b'{"system":[{"cachePoint":{}}]}').caches
