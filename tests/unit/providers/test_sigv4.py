"""Signature Version 4 against AWS's own signer."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.credentials import Credential
from common.providers.sigv4 import signed_headers

auth = pytest.importorskip("botocore.auth")
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

# No model is called "." or "..": botocore takes such steps out of a path before it signs it.
SEGMENT = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=20
).filter(lambda text: text not in (".", ".."))
WORD = st.text("abcXYZ019-_.~", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
HEADERS = st.dictionaries(st.sampled_from(["content-type", "x-amz-meta", "x-one"]), VALUE)


@settings(max_examples=60)
@given(
    path=st.lists(SEGMENT, max_size=4),
    query=st.lists(st.tuples(WORD, SEGMENT), max_size=3),
    headers=HEADERS,
    body=st.binary(max_size=50),
    token=st.sampled_from(["", "session"]),
    now_s=st.integers(0, 4_000_000_000),
)
def test_a_signature_is_the_one_that_botocore_makes(path, query, headers, body, token, now_s):
    url = "https://bedrock-runtime.eu-west-1.amazonaws.com/" + "/".join(
        quote(segment, safe="") for segment in path
    )
    if query:
        url += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
    expected = _by_botocore(url, headers, body, token, now_s)
    made = dict(
        signed_headers(
            Credential(access_key_id="AKID", secret_access_key="secret", session_token=token),
            method="POST",
            url=url,
            headers=headers.items(),
            body=body,
            region="eu-west-1",
            service="bedrock",
            now_s=now_s,
        )
    )
    assert made == expected


def test_a_port_is_signed_with_the_host():
    url = "http://localhost:4566/model/x/converse"
    made = signed_headers(
        Credential(access_key_id="AKID", secret_access_key="secret"),
        method="POST",
        url=url,
        headers=(),
        body=b"{}",
        region="eu-west-1",
        service="bedrock",
        now_s=0,
    )
    assert dict(made) == _by_botocore(url, {}, b"{}", "", 0)


def _by_botocore(url, headers, body, token, now_s):
    class At(auth.SigV4Auth):
        """At a given time; the base class asks the clock."""

        def add_auth(self, request):
            moment = datetime.fromtimestamp(now_s, UTC).strftime(auth.SIGV4_TIMESTAMP)
            request.context["timestamp"] = moment
            self._modify_request_before_signing(request)
            canonical = self.canonical_request(request)
            signature = self.signature(self.string_to_sign(request, canonical), request)
            self._inject_signature_to_request(request, signature)

    request = AWSRequest("POST", url, dict(headers), body)
    At(Credentials("AKID", "secret", token or None), "bedrock", "eu-west-1").add_auth(request)
    signed = {name.lower(): value for name, value in request.headers.items()}
    return {name: value for name, value in signed.items() if name not in headers}
