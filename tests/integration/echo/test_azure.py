"""The echo provider as Azure OpenAI: the openai SDK's own Azure client, and both kinds of paths."""

import httpx
import openai
import pytest

from tests.support.echo import chat_body

VERSION = "2024-10-21"


@pytest.fixture
def azure(echo):
    with httpx.Client(
        base_url=f"{echo.url}/openai", headers={"api-key": "k"}, trust_env=False
    ) as client:
        yield client


def test_the_sdk_s_azure_client(echo):
    with openai.AzureOpenAI(
        azure_endpoint=echo.url, api_version=VERSION, api_key="k", max_retries=0
    ) as sdk:
        messages = [{"role": "user", "content": "hello my world"}]
        answer = sdk.chat.completions.create(model="gpt-4o", messages=messages)
        assert answer.choices[0].message.content == "hello my world"
        chunks = list(sdk.chat.completions.create(model="gpt-4o", messages=messages, stream=True))
        assert chunks[0].choices == []
        assert chunks[0].model_extra["prompt_filter_results"]
        assert "".join(c.choices[0].delta.content or "" for c in chunks[1:]) == "hello my world"
        assert sdk.responses.create(model="gpt-4o", input="hi").output_text == "hi"
        assert len(sdk.embeddings.create(model="text-embedding-3-small", input="a").data) == 1
    assert {record["dialect"] for record in echo.requests()} == {"azure_openai"}
    assert echo.requests()[0]["endpoint"] == "/openai/deployments/gpt-4o/chat/completions"
    assert echo.requests()[0]["model"] == "gpt-4o"


def test_v1_needs_no_version(azure):
    assert azure.post("/v1/chat/completions", json=chat_body()).status_code == 200
    old = azure.post("/v1/chat/completions?api-version=2024-10-21", json=chat_body())
    assert (old.status_code, old.json()["error"]["message"]) == (400, "API version not supported")
    answer = azure.post("/v1/responses", json={"model": "gpt-4o", "input": "hi"})
    assert answer.json()["output"][0]["content"][0]["text"] == "hi"


def test_what_azure_itself_refuses_has_a_code_alone(azure):
    path = "/deployments/gpt-4o/chat/completions"
    missing = azure.post(path, json=chat_body())
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "404")
    nobody = azure.post(f"/deployments/nix/chat/completions?api-version={VERSION}", json={})
    assert nobody.json()["error"]["code"] == "DeploymentNotFound"
    limited = azure.post("/v1/chat/completions", json=chat_body("[[echo status=429]]"))
    assert limited.json()["error"]["code"] == "429"
    model_s = azure.post("/v1/chat/completions", json={"model": "gpt-4o", "messages": []})
    assert model_s.json()["error"]["param"] == "messages"
    assert azure.post("/v1/messages", json={}).status_code == 404
    azure.headers["x-api-key"] = azure.headers.pop("api-key")
    assert azure.post("/v1/chat/completions", json=chat_body()).status_code == 401
