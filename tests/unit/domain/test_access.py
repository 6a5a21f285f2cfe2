"""Access rules: scopes, dialects, clients, addresses, models; and whose address a proxy tells."""

from ipaddress import ip_address, ip_network

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.domain.access import (
    ALL_DIALECTS,
    ALL_SCOPES,
    CLIENT_FAMILIES,
    NO_ACCESS,
    Access,
    Asked,
    admits_address,
    admits_all_of,
    is_client,
    is_known_client,
)
from common.domain.addresses import in_network, parse_address, parse_network
from common.domain.forwarded import TrustedProxies
from common.domain.narrowing import narrowed_access

# As the clients send them: openai-python 2, openai-node 6, anthropic-sdk-python 0, Claude Code 2.
AGENTS = {
    "AsyncOpenAI/Python 2.8.1": "openai-sdk",
    "OpenAI/JS 6.9.0": "openai-sdk",
    "AsyncAnthropic/Python 0.74.1": "anthropic-sdk",
    "claude-cli/2.0.50 (external, cli)": "claude-code",
    "curl/8.5.0": "curl",
}
NETWORKS = ("10.0.0.0/8", "203.0.113.9", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0")
ADDRESSES = ("10.1.2.3", "203.0.113.9", "2001:db8::5", "::1", "::ffff:10.1.2.3", "unknown", "")
MODELS = ("gpt-4o", "gpt-4o-mini", "o3", "claude-sonnet-4-5")


def some(values):
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


RULES = st.builds(
    Access,
    models_allow=some(("gpt-*", "gpt-4o", "*", "o?")),
    models_deny=some(("*-mini", "o3")),
    scopes=some(ALL_SCOPES),
    dialects=some(ALL_DIALECTS),
    clients=some((*CLIENT_FAMILIES, "my-app/*")),
    addresses=some(NETWORKS),
)
REQUESTS = st.builds(
    Asked,
    scope=st.sampled_from((*ALL_SCOPES, None)),
    dialect=st.sampled_from(ALL_DIALECTS),
    agent=st.sampled_from((*AGENTS, "my-app/1", "")),
    address=st.sampled_from(ADDRESSES),
)


@given(RULES, REQUESTS, st.sampled_from(MODELS))
def test_no_rules_admit_everything_and_each_rule_admits_less(rules, asked, model):
    assert NO_ACCESS.broken_by(asked) is None
    assert NO_ACCESS.admits_model(model)
    broken = rules.broken_by(asked)
    if broken is not None:
        freed = msgspec.structs.replace(rules, **{broken: ()})
        assert freed.broken_by(asked) != broken


@given(RULES, RULES, REQUESTS, st.sampled_from(MODELS))
def test_while_a_change_is_on_its_way_both_rules_must_admit(old, new, asked, model):
    both = narrowed_access(old, new)
    admitted = old.broken_by(asked) is None and new.broken_by(asked) is None
    assert (both.broken_by(asked) is None) == admitted
    assert both.admits_model(model) == (old.admits_model(model) and new.admits_model(model))
    assert msgspec.json.decode(msgspec.json.encode(both), type=Access) == both


@st.composite
def changed_rules(draw):
    """Old rules and new ones that are wider in all members but one, which is as it comes."""
    old, other = draw(RULES), draw(RULES)
    names = ("models_allow", "scopes", "dialects", "clients", "addresses", "models_deny")
    free = draw(st.sampled_from(names))
    wider = {"models_deny": draw(some(old.models_deny)) if old.models_deny else ()}
    for name in names[:-1]:
        kept = getattr(old, name)
        open_to_all = not kept or draw(st.booleans())
        wider[name] = () if open_to_all else tuple({*kept, *getattr(other, name)})
    wider.pop(free)
    return old, msgspec.structs.replace(other, **wider)


@given(changed_rules(), REQUESTS, st.sampled_from(MODELS))
def test_rules_that_only_give_are_known_to(rules, asked, model):
    old, new = rules
    assume(admits_all_of(new, old))
    if old.broken_by(asked) is None:
        assert new.broken_by(asked) is None
    if old.admits_model(model):
        assert new.admits_model(model)


@given(RULES)
def test_a_change_that_only_gives_takes_nothing_away_before_it_is_committed(old):
    assert narrowed_access(old, NO_ACCESS) == old
    wider = msgspec.structs.replace(old, models_deny=())
    assert narrowed_access(old, wider) == old


@pytest.mark.parametrize("agent", AGENTS)
def test_a_client_is_of_one_family(agent):
    found = {family for family in CLIENT_FAMILIES if is_client(family, agent)}
    assert found == {AGENTS[agent]}


def test_a_client_may_be_a_glob_whatever_the_case():
    assert is_client("My-App/*", "my-app/1.2 (linux)")
    assert not is_client("my-app/*", "not my-app/1")
    assert is_known_client("my-app/*")
    assert not is_known_client("my-app")


def test_deny_wins_over_allow():
    rules = Access(models_allow=("gpt-*",), models_deny=("*-mini",))
    assert [model for model in MODELS if rules.admits_model(model)] == ["gpt-4o"]


def test_chat_holds_messages_and_not_the_other_way_round():
    asked = Asked("messages", "anthropic", "", "")
    assert Access(scopes=("chat",)).broken_by(asked) is None
    assert Access(scopes=("messages",)).broken_by(asked) is None
    chat = msgspec.structs.replace(asked, scope="chat")
    assert Access(scopes=("messages",)).broken_by(chat) == "scopes"


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 128))
def test_a_network_has_the_addresses_that_share_its_prefix(base, other, length):
    length = min(length, base.max_prefixlen)
    assume(base.version == 4 or base.ipv4_mapped is None)
    assume(other.version == 4 or other.ipv4_mapped is None)
    network = str(ip_network(f"{base}/{length}", strict=False))
    assert admits_address((network,), str(base))
    shift = base.max_prefixlen - length
    shared = base.version == other.version and int(base) >> shift == int(other) >> shift
    assert admits_address((network,), str(other)) == shared


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_in_all_its_forms(address):
    forms = (f"::ffff:{address}", f"[::ffff:{address}]:443", f"{address}:443", f" {address} ")
    assert {parse_address(form) for form in forms} == {address}
    assert in_network(str(ip_network(address)), parse_address(f"::ffff:{address}"))
    assert parse_network(f"::ffff:{address}/128") == ip_network(address)


@pytest.mark.parametrize("text", ["", "unknown", "10.0.0", "10.0.0.1, 10.0.0.2", "1" * 64, "::g"])
def test_what_is_no_address_is_in_no_network(text):
    assert not admits_address(("0.0.0.0/0", "::/0"), text)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "", "all", "2001:db8::1/32"])
def test_a_network_is_written_whole(text):
    with pytest.raises(ValueError, match=r"\w"):
        parse_network(text)


PEER = "10.0.0.1"
written = st.ip_addresses(v=4).map(str)


@given(st.lists(written, max_size=3), written, st.lists(written, max_size=3))
def test_so_many_proxies_are_believed_and_nothing_that_a_caller_wrote(forged, caller, proxies):
    trusted = TrustedProxies(hops=len(proxies) + 1)
    forwarded = ", ".join([*forged, caller, *proxies])
    assert trusted.caller(PEER, forwarded) == caller


@given(st.lists(written, max_size=3), written, st.integers(0, 3))
def test_trusted_networks_are_passed_over_from_the_right(forged, caller, count):
    assume(ip_address(caller) not in ip_network("10.0.0.0/8"))
    trusted = TrustedProxies.parse("10.0.0.0/8, fd00::/8")
    forwarded = ", ".join([*forged, caller, *["10.9.9.9", "fd00::1", "10.8.8.8"][:count]])
    assert trusted.caller(PEER, forwarded) == caller
    assert trusted.caller("192.0.2.1", forwarded) == "192.0.2.1"


@pytest.mark.parametrize(
    ("text", "forwarded", "address"),
    [
        ("2", "198.51.100.7", PEER),
        ("1", "", PEER),
        ("0", "198.51.100.7", PEER),
        ("10.0.0.0/8", "", PEER),
        ("10.0.0.0/8", "10.7.7.7, 10.6.6.6", "10.7.7.7"),
    ],
)
def test_a_chain_that_is_too_short_leaves_the_peer(text, forwarded, address):
    assert TrustedProxies.parse(text).caller(PEER, forwarded) == address


@pytest.mark.parametrize("text", ["-1", "21", "one", "10.0.0.0/8;", "10.0.0.1/8", "1,2"])
def test_what_is_neither_a_number_nor_networks_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        TrustedProxies.parse(text)
