import base64
import json
import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_provider.embeddings import parse_embeddings, vector_of
from echo_provider.faults import NO_FAULTS
from echo_provider.moderations import parse_moderations
from echo_provider.refusals import Refusal

SMALL = "text-embedding-3-small"


def embedded(**fields):
    body = {"model": SMALL, "input": "a", **fields}
    wanted = parse_embeddings(body)
    return json.loads(wanted.reply(NO_FAULTS, wanted.text).whole())


def moderated(**fields):
    wanted = parse_moderations(fields)
    return json.loads(wanted.reply(NO_FAULTS, wanted.text).whole())


@given(st.text(), st.integers(1, 64))
def test_a_vector_follows_from_the_text(text, dimensions):
    vector = vector_of(text, dimensions)
    assert vector == vector_of(text, dimensions)
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
    longer = vector_of(text, dimensions + 1)
    length = math.hypot(*longer[:-1])
    assert list(vector) == pytest.approx([value / length for value in longer[:-1]], abs=1e-5)


def test_both_encodings_say_the_same():
    fields = {"input": ["a", "b"], "dimensions": 5}
    floats = embedded(**fields)
    packed = embedded(**fields, encoding_format="base64")
    for one, other in zip(floats["data"], packed["data"], strict=True):
        values = array("f", base64.b64decode(other["embedding"]))
        assert values.tolist() == pytest.approx(one["embedding"])
    assert floats["data"][0] != floats["data"][1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "gpt-4o"}, "not allowed to generate embeddings"),
        ({"input": ""}, "empty string"),
        ({"input": ["a", ""]}, "empty string"),
        ({"input": []}, "empty array"),
        ({"input": None}, "'input'"),
        ({"input": "a " * 8193}, "maximum context length"),
        ({"input": ["a " * 8000] * 40}, "max 300000 tokens per request"),
        ({"dimensions": 1537}, "above maximum"),
        ({"dimensions": 0}, "below minimum"),
        ({"model": "text-embedding-ada-002", "dimensions": 9}, "does not support"),
        ({"encoding_format": "hex"}, "Supported values"),
    ],
)
def test_embeddings_refuse(fields, words):
    with pytest.raises(Refusal) as caught:
        embedded(**fields)
    assert words in caught.value.message


def test_older_moderation_knows_less():
    result = moderated(model="text-moderation-latest", input="illicit hate")["results"][0]
    assert "illicit" not in result["categories"]
    assert (result["flagged"], "category_applied_input_types" in result) == (True, False)


@pytest.mark.parametrize(
    "fields",
    [{}, {"input": 5}, {"input": []}, {"input": [{"type": "x"}]}, {"input": "a", "model": "o3"}],
)
def test_moderations_refuse(fields):
    with pytest.raises(Refusal):
        moderated(**fields)
