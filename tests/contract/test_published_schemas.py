"""The providers' own schemas tell a request that may be sent from one that may not."""

import pytest

from tests.support.published_schemas import violations

TURN = {"role": "user", "content": "a"}
BLOCK = {"type": "text", "text": "a"}
CLAUDE = {"max_tokens": 1, "messages": [{"role": "user", "content": [BLOCK]}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "a"}]}]}
GOOD = {
    "/v1/chat/completions": {"model": "m", "messages": [TURN]},
    "/openai/deployments/d/chat/completions": {"model": "m", "messages": [TURN]},
    "/openai/v1/responses": {"model": "m", "input": [TURN]},
    "/v1/messages": {"model": "m", **CLAUDE},
    "/model/m/invoke": {"anthropic_version": "v", **CLAUDE},
    "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict": CLAUDE,
    "/v1beta/models/m:generateContent": GEMINI,
    "/v1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent": GEMINI,
    "/model/m/converse-stream": CONVERSE,
}


@pytest.mark.parametrize("path", GOOD)
def test_what_may_be_sent(path):
    assert violations({"path": path, "body": GOOD[path]}) == []


@pytest.mark.parametrize("path", GOOD)
def test_an_unknown_member(path):
    found = violations({"path": path, "body": {**GOOD[path], "nothing": 1}})
    assert "nothing" in found[0]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "m", "messages": [{**TURN, "role": "nobody"}]}),
        ("/v1/chat/completions", {"model": "m", "messages": [{**TURN, "x": 1}]}),
        ("/v1/responses", {"model": "m", "input": [{**TURN, "content": [{"type": "text"}]}]}),
        ("/v1/messages", {"model": "m", "max_tokens": "1", "messages": [TURN]}),
        ("/v1/messages", {**CLAUDE, "model": "m", "system": [{**BLOCK, "x": 1}]}),
        (
            "/v1/messages",
            {**CLAUDE, "model": "m", "messages": [{**TURN, "content": [{**BLOCK, "x": 1}]}]},
        ),
        ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "a", "x": 1}]}]}),
        ("/v1beta/models/m:generateContent", {**GEMINI, "generationConfig": {"maxTokens": 1}}),
        ("/model/m/converse", {**CONVERSE, "inferenceConfig": {"topK": 1}}),
        ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": "a", "x": 1}]}]}),
    ],
)
def test_what_may_not_be_sent(path, body):
    assert violations({"path": path, "body": body})


def test_a_path_without_a_schema():
    with pytest.raises(ValueError, match="no schema"):
        violations({"path": "/v1/embeddings", "body": {}})
