"""When rules of content are followed: by what holds now, once, and before anything is admitted."""

import msgspec
import pytest

from common.domain.admission import KeyRefused, Stale
from common.domain.content_rules import ContentRules
from common.domain.keys import KeyRecord
from common.domain.policies import Policy
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.reservation import Bound
from common.keyring import Keyring
from functions.relay.endpoints import find_endpoint
from functions.relay.open_request import OpenRequest
from functions.relay.snapshots import Snapshots
from functions.relay.stages import content
from functions.relay.stages.admit import admit
from functions.relay.stages.content import follow_rules

KEY_ID = "01ARYZ6S41TSV4RRFFQ69G5FAV"
RULES = ContentRules(redaction={"entities": {"CONTACT": "mask"}})
OTHER = ContentRules(redaction={"entities": {"SECRETS": "block"}})


def current(rules=None):
    """What Redis says of the key."""
    policy = Policy() if rules is None else Policy(content=rules)
    record = KeyRecord(id=KEY_ID, user_id="alice", policy=policy)
    return Stale("1", msgspec.json.encode(record), 0, b"[]")


class World:
    """A relay of whose parts these calls need few: Redis answers as it is told."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0
        self.admission = self
        self.snapshots = Snapshots((), Keyring("", "a secret of the tests, 32 characters"))

    async def verify(self, key_hash, *, address):
        del key_hash, address
        self.asked += 1
        return self.answers.pop(0)

    async def admit(self, request_id, snapshot, candidates, **options):
        del request_id, candidates, options
        return await self.verify(snapshot.key_hash, address="")

    async def follow(self, versions):
        assert versions == "1"


@pytest.fixture
async def request_():
    request = OpenRequest("01ARYZ6S41TSV4RRFFQ69G5FAW", {"headers": []}, "::1")
    request.endpoint, _ = find_endpoint("/v1/chat/completions", "POST")
    request.key_hash = "h"
    request.body = b"old"
    return request


@pytest.fixture
def checked(monkeypatch):
    """The rules by which a request was checked, each time; the check replaces its body."""
    calls = []

    async def check(services, request):
        del services
        calls.append(request.content)
        request.body = b"new"

    monkeypatch.setattr(content, "check", check)
    return calls


async def test_rules_that_a_process_remembers_are_asked_for_before_they_are_followed(
    request_, checked
):
    world = World(current(OTHER))
    request_.content = (RULES,)
    await follow_rules(world, request_, fresh=False)
    assert (checked, world.asked) == ([(OTHER,)], 1)


async def test_rules_that_were_taken_away_are_not_followed(request_, checked):
    request_.content = (RULES,)
    await follow_rules(World(current()), request_, fresh=False)
    assert (checked, request_.content) == ([], ())


async def test_fresh_rules_cost_no_round_trip(request_, checked):
    world = World()
    request_.content = (RULES,)
    await follow_rules(world, request_, fresh=True)
    assert (checked, world.asked) == ([(RULES,)], 0)


async def test_a_key_that_was_revoked_is_refused_before_its_text_is_looked_at(request_, checked):
    request_.content = (RULES,)
    with pytest.raises(Refused) as refused:
        await follow_rules(World(KeyRefused("revoked")), request_, fresh=False)
    assert refused.value.refusal.reason is Reason.REVOKED_KEY
    assert checked == []


async def test_rules_that_only_admit_brings_are_followed_before_it_is_asked_again(
    request_, monkeypatch
):
    async def refuse(services, request):
        del services
        assert request.content == (RULES,)
        raise Refused(Refusal(Reason.INVALID_REQUEST, "by the rules"))

    monkeypatch.setattr(content, "check", refuse)
    world = World(current(RULES))
    with pytest.raises(Refused, match="by the rules"):
        await admit(world, request_, None)
    assert (world.asked, request_.admitted) == (1, False)


async def test_what_was_made_of_the_body_before_is_made_anew(request_, checked):
    request_.bound, request_.translations = Bound(input_tokens=1), {}
    world = World(current(RULES))
    # What comes after it needs more parts than this relay has.
    with pytest.raises(AttributeError):
        await admit(world, request_, None)
    assert (checked, request_.body) == ([(RULES,)], b"new")
    assert (request_.bound, request_.translations) == (None, None)


async def test_an_upload_that_has_begun_comes_again_under_new_rules(request_, checked):
    request_.upload = object()
    with pytest.raises(Refused) as refused:
        await admit(World(current(RULES)), request_, None)
    assert refused.value.refusal.reason is Reason.STATE_UNAVAILABLE
    assert checked == []
