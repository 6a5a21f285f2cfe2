import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_provider.completions import parse_completions
from echo_provider.faults import NO_FAULTS, Faults
from echo_provider.refusals import Refusal


def wanted(**fields):
    return parse_completions({"model": "echo", "prompt": "a b", **fields})


@given(
    st.lists(st.text("ab ,", max_size=30), min_size=1, max_size=3),
    st.integers(1, 3),
    st.none() | st.integers(0, 20),
    st.integers(0, 9),
)
def test_whole_and_stream_add_up(prompts, count, limit, reasoning):
    fields = {"prompt": prompts, "n": count, "max_tokens": limit}
    faults = Faults(reasoning=reasoning)
    whole = json.loads(wanted(**fields).reply(faults, prompts[-1]).whole())
    options = {"stream": True, "stream_options": {"include_usage": True}}
    reply = wanted(**fields, **options).reply(faults, prompts[-1])
    events = list(reply.pieces.make())
    assert sum(event.tokens for event in events) + reasoning == reply.usage.completion
    chunks = [json.loads(event.data.removeprefix(b"data: ")) for event in events[:-1]]
    assert chunks.pop()["usage"] == whole["usage"]
    for choice in whole["choices"]:
        mine = [c["choices"][0] for c in chunks if c["choices"][0]["index"] == choice["index"]]
        assert "".join(one["text"] for one in mine) == choice["text"]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
    assert len(whole["choices"]) == len(prompts) * count


def test_without_a_prompt_there_is_one_all_the_same():
    assert wanted(prompt=None).reply(NO_FAULTS, "").usage.prompt == 5


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": None}, "must provide a model"),
        ({"prompt": 7}, "a string or an array"),
        ({"prompt": []}, "empty array"),
        ({"prompt": ["a", 7]}, r"prompt[1]"),
        ({"prompt": ["a"] * 2049}, "too long"),
        ({"max_tokens": -1}, "below minimum"),
        ({"n": 0}, "below minimum"),
        ({"stream_options": {}}, "only allowed when 'stream'"),
    ],
)
def test_refused(fields, words):
    with pytest.raises(Refusal) as caught:
        wanted(**fields)
    assert words in caught.value.message
