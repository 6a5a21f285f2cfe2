"""Tokens of sessions: whose they are, of which kind, for how long, and by which key."""

import jwt
import pytest

from functions.key_admin.identity import tokens
from functions.key_admin.identity.tokens import Claims, TokenExpired, TokenInvalid, Tokens

SECRET = "s" * 32
SESSION = "01ARYZ6S41TSV4RRFFQ69G5FAV"


def test_a_token_says_its_session():
    ours = Tokens(SECRET, ["one"])
    token = ours.make("refresh", SESSION, 3, 60)
    assert ours.read("refresh", token) == Claims(SESSION, 3)


def test_a_token_of_one_kind_is_none_of_the_other():
    ours = Tokens(SECRET, [])
    with pytest.raises(TokenInvalid):
        ours.read("access", ours.make("refresh", SESSION, 1, 60))


def test_it_ends(monkeypatch):
    ours = Tokens(SECRET, [])
    at = tokens.time.time()
    monkeypatch.setattr(tokens.time, "time", lambda: at - 61)
    token = ours.make("access", SESSION, 1, 60)
    monkeypatch.undo()
    with pytest.raises(TokenExpired):
        ours.read("access", token)


def test_a_clock_that_is_a_moment_ahead_of_ours_signs_nobody_out(monkeypatch):
    ours = Tokens(SECRET, [])
    at = tokens.time.time()
    monkeypatch.setattr(tokens.time, "time", lambda: at + 2)
    token = ours.make("access", SESSION, 1, 60)
    monkeypatch.undo()
    assert ours.read("access", token).session_id == SESSION


def test_a_replaced_secret_still_opens_and_a_forgotten_one_does_not():
    before, after = Tokens(SECRET, ["old"]), Tokens(SECRET, ["new", "old"])
    token = before.make("access", SESSION, 1, 60)
    assert after.read("access", token).session_id == SESSION
    kid = jwt.get_unverified_header(after.make("access", SESSION, 1, 60))["kid"]
    assert kid != jwt.get_unverified_header(token)["kid"]
    for other in (Tokens(SECRET, ["new"]), Tokens("t" * 32, ["old"])):
        with pytest.raises(TokenInvalid):
            other.read("access", token)


@pytest.mark.parametrize("spoil", ["none", "cut", "claims", "kid", "words", "generation"])
def test_what_we_did_not_sign_is_none_of_ours(spoil):
    ours = Tokens(SECRET, [])
    token = ours.make("access", SESSION, 1, 60)
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, options={"verify_signature": False})
    match spoil:
        case "none":
            token = jwt.encode(claims, None, "none", headers={"kid": kid})
        case "cut":
            token = token[:-4]
        case "claims":
            token = jwt.encode(claims, "k" * 32, "HS256", headers={"kid": kid})
        case "kid":
            token = jwt.encode(claims, "k" * 32, "HS256", headers={"kid": "other"})
        case "words":
            token = "eyJ.no.token"
        case "generation":
            del claims["gen"]
            key = ours._keys[kid]
            token = jwt.encode(claims, key, "HS256", headers={"kid": kid})
    with pytest.raises(TokenInvalid):
        ours.read("access", token)
