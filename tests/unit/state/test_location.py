"""Where the node of a Cluster is, as its nodes say."""

import pytest

from common.state.address import RedisAddress
from common.state.location import Location


async def test_seeds_are_tried_in_turn_until_one_says_where_it_is():
    location = Location(RedisAddress("redis+cluster://a:1,b:2"))
    assert await location.find(None) == ("a", 1)
    location.failed()
    assert await location.find(None) == ("b", 2)
    assert location.follow("MOVED 3999 10.0.0.9:6381")
    assert await location.find(None) == ("10.0.0.9", 6381)
    location.failed()
    assert await location.find(None) == ("a", 1)


@pytest.mark.parametrize(
    ("refusal", "node"),
    [
        ("MOVED 3999 :6381", ("a", 6381)),
        ("MOVED 3999 ::1:6381", ("::1", 6381)),
        ("MOVED 3999 node.example:6381", ("node.example", 6381)),
    ],
)
async def test_where_a_node_sends_us(refusal, node):
    location = Location(RedisAddress("redis+cluster://a:1"))
    assert location.follow(refusal)
    assert await location.find(None) == node


def test_a_generation_ends_only_when_the_node_changes():
    location = Location(RedisAddress("redis+cluster://a:1"))
    for refusal in ("MOVED 1 b:2", "MOVED 1 b:2", "MOVED 1 c:3"):
        assert location.follow(refusal)
    assert location.generation == 2


@pytest.mark.parametrize("url", ["redis://a", "redis+sentinel://a/x"])
def test_only_a_cluster_sends_us_on(url):
    assert not Location(RedisAddress(url)).follow("MOVED 3999 b:2")


@pytest.mark.parametrize("refusal", ["ERR no", "WRONGTYPE", "MOVED", "ASK 3999 b:2"])
def test_other_refusals_are_no_directions(refusal):
    assert not Location(RedisAddress("redis+cluster://a")).follow(refusal)
