"""What Google Cloud's Vertex AI is sent, and how it is paid for: by tokens that are kept."""

import asyncio
import base64
import json
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from common.domain.accounts import Options
from common.domain.credentials import Credential, ServiceAccount
from common.domain.refusals import Reason
from common.providers import PROVIDERS
from common.providers.base import Ask
from common.providers.google_tokens import GoogleTokens
from common.providers.http import UpstreamFailed
from tests.support.provider_accounts import account_of

VERTEX = PROVIDERS["vertex"]
BASE_URL = "https://us-east5-aiplatform.googleapis.com"
RSA = rsa.generate_private_key(65537, 2048)
NO_ENCRYPTION = serialization.NoEncryption()
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
KEY = ServiceAccount(
    client_email="relay@p1.iam.gserviceaccount.com",
    private_key=RSA.private_bytes(PEM, PKCS8, NO_ENCRYPTION).decode(),
    private_key_id="kid-1",
    project_id="p1",
)
ACCOUNT = account_of("vertex", BASE_URL, Credential(service_account=KEY), region="us-east5")


class Client:
    """Google, as far as it gives tokens; each `answer` is a status and a body."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def exchange(self, method, url, headers, body, provider, *, timeout_ms, proxy):
        self.asked.append((url, parse_qs(body.decode()), proxy))
        return self

    async def open(self):
        await asyncio.sleep(0)
        (self.status, body) = self.answers.pop(0)
        self.body = json.dumps(body).encode()

    async def read_all(self):
        return self.body

    async def close(self):
        pass

    def header(self, name):
        return None


def given(number, expires_in=3600):
    return 200, {"access_token": f"ya29.{number}", "expires_in": expires_in}


@pytest.mark.parametrize(
    ("endpoint", "model", "target"),
    [
        ("messages", "claude-opus-4-1@20250805", "anthropic.messages"),
        ("chat.completions", "claude-opus-4-1@20250805", "anthropic.messages"),
        ("messages.count_tokens", "claude-opus-4-1@20250805", None),
        ("messages", "gemini-2.5-pro", "gemini.generate"),
        ("gemini.count_tokens", "gemini-2.5-pro", "gemini.count_tokens"),
        ("gemini.embed", "gemini-embedding-001", None),
        ("embeddings", "gemini-embedding-001", None),
    ],
)
def test_vertex_is_asked_for_what_it_has(endpoint, model, target):
    assert VERTEX.target(ACCOUNT, endpoint, model) == target


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (Ask("gemini.generate", "g-2"), "google/models/g-2:generateContent"),
        (
            Ask("gemini.generate", "g-2", stream=True),
            "google/models/g-2:streamGenerateContent?alt=sse",
        ),
        (Ask("gemini.count_tokens", "g-2"), "google/models/g-2:countTokens"),
        # A key may use `g-1*`: that is not `g-2`.
        (Ask("gemini.generate", "g-1/g-2"), "google/models/g-1%2Fg-2:generateContent"),
        (
            Ask("anthropic.messages", "claude-x@2025", b"{}"),
            "anthropic/models/claude-x@2025:rawPredict",
        ),
        (
            Ask("anthropic.messages", "claude-x@2025", b"{}", stream=True),
            "anthropic/models/claude-x@2025:streamRawPredict",
        ),
    ],
)
def test_project_region_and_model_are_in_the_address(ask, path):
    call = VERTEX.call(ACCOUNT, ask, "ya29.1")
    assert call.url == f"{BASE_URL}/v1/projects/p1/locations/us-east5/publishers/{path}"
    assert ("authorization", "Bearer ya29.1") in call.headers


def test_an_operator_may_name_a_model_with_its_path():
    named = "publishers/google/models/g-2"
    account = msgspec.structs.replace(ACCOUNT, models={"a": named})
    call = VERTEX.call(account, Ask("gemini.generate", named), "ya29.1")
    assert call.url.endswith("/us-east5/publishers/google/models/g-2:generateContent")


def test_a_project_of_the_account_s_own_counts_and_global_is_the_default():
    account = account_of("vertex", "https://v", ACCOUNT.credential, options=Options(project="p2"))
    url = VERTEX.call(account, Ask("gemini.generate", "g"), "t").url
    assert url.startswith("https://v/v1/projects/p2/locations/global/")


def test_claude_keeps_its_stream_member_and_its_betas():
    body = b'{"model":"claude-x","stream":true,"messages":[]}'
    ask = Ask("anthropic.messages", "claude-x", body, [("anthropic-beta", "one")], stream=True)
    call = VERTEX.call(ACCOUNT, ask, "t")
    assert call.body == (b'{"anthropic_version":"vertex-2023-10-16","stream":true,"messages":[]}')
    assert ("anthropic-beta", "one") in call.headers


async def test_a_token_is_bought_once_and_kept_until_a_minute_before_its_end():
    now = [1_790_000_000.0]
    client = Client(given(1), given(2))
    tokens = GoogleTokens(lambda: now[0])
    first = await asyncio.gather(*(tokens.token(ACCOUNT, client) for _ in range(5)))
    now[0] += 3539
    assert {*first, await tokens.token(ACCOUNT, client)} == {"ya29.1"}
    now[0] += 1
    assert await tokens.token(ACCOUNT, client) == "ya29.2"
    assert len(client.asked) == 2


async def test_the_claim_is_signed_by_the_service_account():
    client = Client(given(1))
    await GoogleTokens(lambda: 1000.5).token(ACCOUNT, client)
    ((url, form, proxy),) = client.asked
    assert (url, proxy) == ("https://oauth2.googleapis.com/token", None)
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    signed, _, signature = form["assertion"][0].rpartition(".")
    RSA.public_key().verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), SHA256())
    head, claim = (json.loads(_decoded(part)) for part in signed.split("."))
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert claim == {
        "iss": "relay@p1.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1000,
        "exp": 4600,
    }


async def test_a_token_is_bought_through_the_account_s_proxy():
    credential = Credential(service_account=KEY, egress_proxy="http://proxy:3128")
    client = Client(given(1))
    await GoogleTokens().token(account_of("vertex", BASE_URL, credential), client)
    assert client.asked[0][2] == "http://proxy:3128"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((400, {"error": "invalid_grant"}), Reason.UPSTREAM_CREDENTIAL),
        ((401, {}), Reason.UPSTREAM_CREDENTIAL),
        ((503, {}), Reason.UPSTREAM_OVERLOADED),
        ((200, {"id_token": "x"}), Reason.UPSTREAM_GARBAGE),
    ],
)
async def test_a_refusal_says_what_it_means_and_is_not_kept(answer, reason):
    client = Client(answer, given(2))
    tokens = GoogleTokens()
    with pytest.raises(UpstreamFailed) as caught:
        await tokens.token(ACCOUNT, client)
    assert caught.value.failure.reason == reason
    assert await tokens.token(ACCOUNT, client) == "ya29.2"


@pytest.mark.parametrize(
    "private_key",
    [
        "no key",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, NO_ENCRYPTION).decode(),
    ],
)
async def test_a_key_of_no_use_is_the_account_s_fault(private_key):
    account = account_of(
        "vertex", BASE_URL, Credential(service_account=ServiceAccount("a@b", private_key))
    )
    with pytest.raises(UpstreamFailed) as caught:
        await GoogleTokens().token(account, Client())
    assert caught.value.failure.reason == Reason.UPSTREAM_CREDENTIAL
    assert private_key not in str(caught.value)


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
