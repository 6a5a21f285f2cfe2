"""Keys: what they may use, what is shown of them."""

import pytest

from common.domain.keys import KeyRecord, hash_key, key_prefix_of


def _key(**changes):
    return KeyRecord(id="01K", user_id="alice", **changes)


@pytest.mark.parametrize(
    ("allow", "deny", "model", "allowed"),
    [
        ([], [], "gpt-4o", True),
        (["gpt-*"], [], "gpt-4o", True),
        (["gpt-*"], [], "claude-sonnet-4-5", False),
        (["gpt-*"], ["gpt-4*"], "gpt-4o", False),
        ([], ["*-mini"], "gpt-4o-mini", False),
        ([], ["*-mini"], "gpt-4o", True),
        (["gpt-4o"], [], "gpt-4o-mini", False),
        (["GPT-*"], [], "gpt-4o", False),
    ],
)
def test_models(allow, deny, model, allowed):
    assert _key(models_allow=allow, models_deny=deny).allows_model(model) is allowed


def test_no_scope_named_means_all():
    assert _key().allows_scope("chat")
    assert _key(scopes=["models"]).allows_scope("models")
    assert not _key(scopes=["models"]).allows_scope("chat")


def test_the_hash_is_sha256_and_the_prefix_tells_little():
    assert hash_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert key_prefix_of("cr_0123456789abcdef", "cr_") == "cr_01234567"
