"""The echo provider as Vertex AI: tokens for signed assertions, Gemini's and Claude's paths."""

import base64
import json
import time

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PUBLISHERS = "/v1/projects/p/locations/europe-west1/publishers"
GEMINI = f"{PUBLISHERS}/google/models/gemini-3-flash"
CLAUDE = f"{PUBLISHERS}/anthropic/models/claude-sonnet-4-5@20250929"
SAID = {"contents": [{"role": "user", "parts": [{"text": "hello you"}]}]}
ASKED = {
    "anthropic_version": "vertex-2023-10-16",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "hello you"}],
}


@pytest.fixture
def vertex(echo):
    with httpx.Client(base_url=echo.url, trust_env=False) as client:
        yield client


@pytest.fixture
def account(vertex):
    return vertex.get("/echo/service-account").json()


@pytest.fixture
def signed_in(vertex, account):
    answer = ask_for_token(vertex, account)
    vertex.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    return vertex


def written(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def ask_for_token(client, account, **claims):
    now = int(time.time())
    all_claims = {
        "iss": account["client_email"],
        "scope": SCOPE,
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + 3600,
        **claims,
    }
    signed = written({"alg": "RS256", "typ": "JWT"}) + b"." + written(all_claims)
    key = serialization.load_pem_private_key(account["private_key"].encode(), None)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    assertion = signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")
    form = {"grant_type": GRANT, "assertion": assertion.decode()}
    return client.post(account["token_uri"], data=form)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "somebody@else"}, "invalid_grant"),
        ({"aud": "https://oauth2.googleapis.com/token"}, "invalid_grant"),
        ({"exp": 1}, "invalid_grant"),
        ({"exp": int(time.time()) + 9000}, "invalid_grant"),
        ({"scope": "email"}, "invalid_scope"),
    ],
)
def test_assertions_are_checked(vertex, account, claims, code):
    refused = ask_for_token(vertex, account, **claims)
    assert (refused.status_code, refused.json()["error"]) == (400, code)


def test_a_broken_signature_is_refused(vertex, account):
    form = {"grant_type": GRANT, "assertion": "e30.e30.AAAA"}
    refused = vertex.post(account["token_uri"], data=form)
    assert refused.json()["error_description"] == "Invalid JWT Signature."


def test_gemini_with_a_token(signed_in, echo):
    answer = signed_in.post(f"{GEMINI}:generateContent", json=SAID).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "hello you"}]
    stream = signed_in.post(f"{GEMINI}:streamGenerateContent?alt=sse", json=SAID)
    assert stream.headers["content-type"] == "text/event-stream"
    roleless = {"contents": [{"parts": [{"text": "hello"}]}]}
    refused = signed_in.post(f"{GEMINI}:generateContent", json=roleless)
    assert "valid role" in refused.json()["error"]["message"]
    assert [record["dialect"] for record in echo.requests()] == ["vertex"] * 4


def test_claude_with_a_token(signed_in):
    answer = signed_in.post(f"{CLAUDE}:rawPredict", json=ASKED).json()
    assert answer["content"] == [{"type": "text", "text": "hello you"}]
    body = {**ASKED, "stream": True}
    stream = signed_in.post(f"{CLAUDE}:streamRawPredict", json=body)
    assert "event: message_stop" in stream.text
    for bad in ({**ASKED, "model": "claude"}, {**ASKED, "anthropic_version": "2023-06-01"}, body):
        refused = signed_in.post(f"{CLAUDE}:rawPredict", json=bad)
        assert refused.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_only_tokens_that_were_given_out_are_taken(signed_in):
    assert signed_in.delete("/echo/tokens").status_code == 200
    refused = signed_in.post(f"{GEMINI}:generateContent", json=SAID)
    assert refused.json()["error"]["status"] == "UNAUTHENTICATED"
