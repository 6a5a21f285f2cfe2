"""A member is changed where it stands; every other byte stays as it was."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.dialects.spans import find_member, remove_member, set_member

NAME = "model"
SPACE = st.text(" \t\r\n", max_size=3)
# Text that looks like JSON, so that a careless scan would stumble over it.
TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ['"model":1', "model", '\\"', "\\", "{", "}]", ',"model":', "[", "é\n", "\\\\"]
    ),
)
NAMES = st.one_of(TEXTS, st.sampled_from(["model", "Model", "models", "mode"]))


@st.composite
def written(draw, value):
    """The JSON text of a value: spaces and escapes as one may write them."""

    def inner(item):
        def space():
            return draw(SPACE)

        if isinstance(item, dict):
            members = [
                f"{space()}{text(name)}{space()}:{space()}{inner(member)}{space()}"
                for name, member in item.items()
            ]
            return "{" + (",".join(members) or space()) + "}"
        if isinstance(item, list):
            return "[" + (",".join(f"{space()}{inner(m)}{space()}" for m in item) or space()) + "]"
        return text(item) if isinstance(item, str) else json.dumps(item)

    def text(value):
        if value == NAME and draw(st.integers(0, 9)) == 0:
            return '"mod\\u0065l"'
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    return (draw(SPACE) + inner(value) + draw(SPACE)).encode()


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS).filter(
        lambda value: value not in (float("inf"), float("-inf"))
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES.filter(lambda name: name != NAME), VALUES, max_size=4)


@st.composite
def bodies(draw):
    """An object as bytes, as a value, and with the member at some place or nowhere."""
    members = list(draw(OBJECTS).items())
    if draw(st.booleans()):
        members.insert(draw(st.integers(0, len(members))), (NAME, draw(VALUES)))
    value = dict(members)
    return draw(written(value)), value


@given(bodies(), VALUES)
@example((b"{}", {}), 1)
@example((b" { \n} ", {}), "x")
def test_set_changes_that_member_alone(case, new):
    body, value = case
    encoded = json.dumps(new).encode()
    result = set_member(body, NAME, encoded)
    assert json.loads(result) == {**value, NAME: new}
    member = find_member(body, NAME)
    assert (member is not None) == (NAME in value)
    if member is not None:
        assert result == body[: member.value_start] + encoded + body[member.end :]
        assert json.loads(body[member.value_start : member.end]) == value[NAME]
    else:
        brace = body.index(b"{") + 1
        added = b'"model":' + encoded + (b"," if value else b"")
        assert result == body[:brace] + added + body[brace:]


@given(bodies())
@example((b'{"model":1}', {"model": 1}))
@example((b'{ "a":1 , "model" : 1 }', {"a": 1, "model": 1}))
def test_remove_takes_that_member_alone(case):
    body, value = case
    result = remove_member(body, NAME)
    assert json.loads(result) == {name: item for name, item in value.items() if name != NAME}
    member = find_member(body, NAME)
    if member is None:
        assert result == body
    else:
        # The result is the body without one stretch: the member, a comma and space around it.
        front = next(at for at in range(member.start, -1, -1) if result.startswith(body[:at]))
        back = body[len(body) - (len(result) - front) :]
        assert result == body[:front] + back
        gone = body[front : member.start] + body[member.end : len(body) - len(back)]
        assert gone.count(b",") == (1 if len(value) > 1 else 0)
        assert gone.strip(b" \t\r\n,") == b""


@given(OBJECTS.flatmap(lambda value: st.tuples(written(value), st.just(value))))
def test_what_is_set_can_be_removed(case):
    body, _ = case
    added = set_member(body, NAME, b"7")
    assert json.loads(remove_member(added, NAME)) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "changed", "removed"),
    [
        (
            b'{"model":"a","x":{"model":"b"}}',
            b'{"model":7,"x":{"model":"b"}}',
            b'{"x":{"model":"b"}}',
        ),
        (
            b'{"x":[{"model":"b"}] , "model" : "a" }',
            b'{"x":[{"model":"b"}] , "model" : 7 }',
            b'{"x":[{"model":"b"}]  }',
        ),
        (
            b'{"x":"\\"model\\":1,","model":[1,{"model":2}],"y":1.0e5}',
            b'{"x":"\\"model\\":1,","model":7,"y":1.0e5}',
            b'{"x":"\\"model\\":1,","y":1.0e5}',
        ),
        (b'{"x":"model","y":1}', b'{"model":7,"x":"model","y":1}', b'{"x":"model","y":1}'),
        (b'{"mod\\u0065l":"a","z":1}', b'{"mod\\u0065l":7,"z":1}', b'{"z":1}'),
    ],
)
def test_names_elsewhere_are_not_touched(body, changed, removed):
    assert set_member(body, NAME, b"7") == changed
    assert remove_member(body, NAME) == removed


@pytest.mark.parametrize("last", [b'"model"', b'"mod\\u0065l"', b'"\\u006dodel"'])
def test_of_duplicates_the_last_one_counts(last):
    # None of the names that Relay reads gets here twice (test_names.py); this scan is as JSON's.
    body = b'{"model":"a",' + last + b':"b","x":1}'
    assert set_member(body, NAME, b'"c"') == b'{"model":"a",' + last + b':"c","x":1}'
    assert remove_member(body, NAME) == b'{"model":"a","x":1}'


def test_a_megabyte_of_text_is_no_trouble():
    text = json.dumps('"model":{' * 100_000).encode()
    body = b'{"messages":[{"role":"user","content":' + text + b'}],"model":"a"}'
    assert set_member(body, NAME, b'"b"') == body[:-4] + b'"b"}'
