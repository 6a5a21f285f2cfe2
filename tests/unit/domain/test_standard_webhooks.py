"""Signatures of webhooks."""

import base64

import pytest

from common.domain import standard_webhooks as webhooks


def test_the_signature_is_the_standard_s():
    # The example of https://github.com/standard-webhooks/standard-webhooks (and Svix' documents).
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = webhooks.signature(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert webhooks.shown_secret(key) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert webhooks.secret_key(webhooks.shown_secret(key)) == key


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ="],
)
def test_a_secret_is_of_the_standard_s_form_and_length(secret):
    with pytest.raises(ValueError, match="24 to 64 random bytes"):
        webhooks.secret_key(secret)
