"""Gemini's requests: the model of the path, both spellings, what is counted and what is capped."""

import json

import pytest

from common.dialects import OPERATIONS
from common.dialects.base import BadRequest, ParsedRequest
from common.dialects.bounds import Unreadable
from common.dialects.gemini.bounds import IMAGE_TOKENS_MAX
from common.dialects.worst_cases import BOUNDS, CAPS

SSE = "alt=sse"
HI = [{"role": "user", "parts": [{"text": "Hi"}]}]


def parsed(endpoint="gemini.generate", model="gemini-x", **members):
    operation = OPERATIONS[endpoint].for_path(model, SSE)
    return operation.parse_request(json.dumps(members).encode())


def refusal(endpoint="gemini.generate", **members):
    with pytest.raises(BadRequest) as caught:
        parsed(endpoint, **members)
    return caught.value


def bound(endpoint="gemini.generate", **members):
    body = json.dumps(members).encode()
    return BOUNDS[endpoint](body), len(body)


def content(*parts):
    return [{"parts": list(parts)}]


def test_the_model_and_the_stream_stand_in_the_path():
    assert parsed(contents=HI) == ParsedRequest(model="gemini-x")
    assert parsed("gemini.stream", contents=HI) == ParsedRequest(model="gemini-x", stream=True)
    generate = OPERATIONS["gemini.generate"]
    assert generate.for_path("a") is not generate.for_path("b")
    with pytest.raises(BadRequest) as caught:
        generate.for_path(" ")
    assert caught.value.field == "model"


@pytest.mark.parametrize("query", ["", "alt=json", "alt=sse&alt=json"])
def test_a_stream_that_is_no_event_stream_is_refused_by_name(query):
    with pytest.raises(BadRequest) as caught:
        OPERATIONS["gemini.stream"].for_path("gemini-x", query)
    assert caught.value.field == "alt"
    assert "?alt=sse" in caught.value.message


@pytest.mark.parametrize(
    ("config", "cap", "choices"),
    [
        ({"generationConfig": {"maxOutputTokens": 7, "candidateCount": 2}}, 7, 2),
        ({"generation_config": {"max_output_tokens": 7, "candidate_count": 2}}, 7, 2),
        ({"generationConfig": {"max_output_tokens": 7}}, 7, 1),
        ({"generationConfig": None}, None, 1),
        ({}, None, 1),
    ],
)
def test_both_spellings_are_read(config, cap, choices):
    read = parsed(contents=HI, **config)
    assert (read.max_output_tokens, read.choices) == (cap, choices)
    assert parsed(contents=HI, service_tier="FLEX").service_tier == "flex"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "contents"),
        ({"contents": "Hi"}, "contents"),
        ({"contents": HI, "generationConfig": {}, "generation_config": {}}, "generation_config"),
        ({"contents": HI, "generationConfig": {"maxOutputTokens": 1, "max_output_tokens": 9}},
         "generationConfig.max_output_tokens"),
        ({"contents": HI, "generationConfig": {"maxOutputTokens": 0}},
         "generationConfig.maxOutputTokens"),
        ({"contents": HI, "generationConfig": {"maxOutputTokens": "9"}},
         "generationConfig.maxOutputTokens"),
        ({"contents": HI, "generationConfig": {"candidateCount": 0}},
         "generationConfig.candidateCount"),
        ({"contents": HI, "serviceTier": "flex", "service_tier": "priority"}, "service_tier"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(members, field):
    assert refusal(**members).field == field


def test_a_body_is_passed_on_as_it_is():
    body = b'{ "contents" : [{"parts":[{"text":"Hi"}]}], "x": 1.0 }'
    operation = OPERATIONS["gemini.generate"].for_path("gemini-x")
    read = operation.parse_request(body)
    assert operation.prepare_request(body, read, "another") is body
    assert operation.answer_for_caller(body, "r") is body


@pytest.mark.parametrize("endpoint", ["gemini.embed", "gemini.batch_embed", "gemini.count_tokens"])
def test_a_model_that_the_body_repeats_is_the_one_of_the_path(endpoint):
    def body(named):
        one = {"model": named, "content": {"parts": [{"text": "Hi"}]}}
        inner = {"model": named, "contents": HI}
        return json.dumps(
            {
                "gemini.embed": one,
                "gemini.batch_embed": {"requests": [one, one]},
                "gemini.count_tokens": {"generateContentRequest": inner},
            }[endpoint]
        ).encode()

    operation = OPERATIONS[endpoint].for_path("gemini-x")
    read = operation.parse_request(body("models/gemini-x"))
    assert operation.prepare_request(body("models/gemini-x"), read, "gemini-x") == body(
        "models/gemini-x"
    )
    served = operation.prepare_request(body("models/gemini-x"), read, "gemini-y")
    assert json.loads(served) == json.loads(body("models/gemini-y"))
    with pytest.raises(BadRequest) as caught:
        operation.parse_request(body("models/dearer"))
    assert caught.value.field.endswith("model")


def test_counting_is_free_and_takes_one_form():
    assert parsed("gemini.count_tokens", contents=HI).input_estimate == 0
    assert refusal("gemini.count_tokens").field == "contents"
    both = {"contents": HI, "generate_content_request": {"contents": HI}}
    assert refusal("gemini.count_tokens", **both).field == "contents"
    answer = OPERATIONS["gemini.count_tokens"].read_answer(b'{"totalTokens":5}')
    assert answer.tokens.total == 0
    assert OPERATIONS["gemini.count_tokens"].read_answer(b'{"error":{}}') is None
    assert bound("gemini.count_tokens", contents=HI)[0].free


def test_a_batch_of_embeddings_names_the_entry_at_fault():
    good = {"content": {"parts": []}}
    assert refusal("gemini.batch_embed", requests=[]).field == "requests"
    assert refusal("gemini.batch_embed", requests=[good, {}]).field == "requests[1].content"


def test_embeddings_report_their_input_where_they_report():
    read = OPERATIONS["gemini.embed"].read_answer
    assert read(b'{"embedding":{"values":[0.1]}}').tokens is None
    answer = read(b'{"embeddings":[],"usageMetadata":{"promptTokenCount":4}}')
    assert (answer.tokens.input, answer.output_estimate) == (4, 0)
    assert read(b'{"candidates":[]}') is None


def test_text_counts_its_bytes_and_an_image_its_maximum():
    found, size = bound(contents=HI)
    assert (found.input_tokens, found.unbounded, found.least_output) == (size, None, 1)
    image = {"inline_data": {"mime_type": "image/png", "data": "A" * 4000}}
    found, size = bound(contents=content({"text": "See"}, image))
    assert found.input_tokens == size - 4000 + IMAGE_TOKENS_MAX
    result = {"functionResponse": {"name": "f", "response": {}, "parts": [image]}}
    found, size = bound(contents=content(result))
    assert found.input_tokens == size - 4000 + IMAGE_TOKENS_MAX


@pytest.mark.parametrize(
    "members",
    [
        {"contents": content({"fileData": {"fileUri": "https://a/b", "mimeType": "image/png"}})},
        {"contents": content({"inlineData": {"mimeType": "application/pdf", "data": "AA"}})},
        {"contents": content({"inlineData": {"mimeType": "audio/wav", "data": "AA"}})},
        {"contents": content({"inlineData": {"mimeType": "image/png", "mime_type": "video/mp4",
                                             "data": "AA"}})},
        {"contents": content({"text": "a", "videoMetadata": {}})},
        {"contents": content({"unheardOf": 1})},
        {"contents": {"parts": {"fileData": {"fileUri": "u"}}}},
        {"contents": HI, "cached_content": "cachedContents/1"},
        {"contents": HI, "systemInstruction": {"parts": [{"fileData": {}}]}},
    ],
)  # fmt: skip
def test_what_the_body_does_not_hold_counts_as_the_window(members):
    found, _ = bound(**members)
    assert found.input_tokens is None
    assert found.unbounded is None


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"tools": [{"functionDeclarations": []}, {"googleSearch": {}}]},
         "tools[1] (googleSearch)"),
        ({"tools": {"code_execution": {}}}, "tools[0] (code_execution)"),
        ({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}},
         "responseModalities (IMAGE)"),
        ({"generation_config": {"response_modalities": ["AUDIO"]}}, "responseModalities (AUDIO)"),
        ({"service_tier": "newest"}, "serviceTier (newest)"),
        ({"continuationToken": "t"}, "continuationToken"),
        ({"cachedContent": "", "cached_content": "c"}, "cached_content"),
    ],
)  # fmt: skip
def test_what_has_no_bound_is_named(members, named):
    assert bound(contents=HI, **members)[0].unbounded == named


def test_tiers_choices_and_budgets_of_thoughts():
    assert bound(contents=HI, serviceTier="PRIORITY")[0].tier == "priority"
    assert bound(contents=HI, serviceTier="flex")[0].tier == "standard"
    config = {"candidateCount": 3, "thinkingConfig": {"thinking_budget": 2048}}
    found, _ = bound(contents=HI, generationConfig=config)
    assert (found.choices, found.least_output) == (3, 2049)
    config = {"thinkingConfig": {"thinkingBudget": -1}}
    assert bound(contents=HI, generationConfig=config)[0].least_output == 1


def test_embeddings_are_bounded_by_their_bytes():
    one = {"content": {"parts": [{"text": "Hi"}]}}
    found, size = bound("gemini.embed", **one)
    assert (found.input_tokens, found.generates, found.windowed) == (size, False, True)
    found, size = bound("gemini.batch_embed", requests=[one, one])
    assert (found.input_tokens, found.generates, found.windowed) == (size, False, False)
    file = {"content": {"parts": [{"fileData": {"fileUri": "u"}}]}}
    assert bound("gemini.embed", **file)[0].input_tokens is None
    assert bound("gemini.batch_embed", requests=[one, file])[0].unbounded is not None


def test_what_hides_behind_something_unreadable_is_not_taken_for_nothing():
    with pytest.raises(Unreadable):
        BOUNDS["gemini.generate"](b'{"tools":[{"googleSearch":{}}],"x":1e999}')


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"contents": []}', b'{"generationConfig":{"maxOutputTokens":7},"contents": []}'),
        (b'{"generationConfig": {"topP" : 1.0}}',
         b'{"generationConfig": {"maxOutputTokens":7,"topP" : 1.0}}'),
        (b'{"generation_config":{"max_output_tokens": 900}}',
         b'{"generation_config":{"max_output_tokens": 7}}'),
        (b'{"generationConfig":null}', b'{"generationConfig":{"maxOutputTokens":7}}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("endpoint", ["gemini.generate", "gemini.stream"])
def test_a_cap_is_written_in_the_callers_spelling(endpoint, body, expected):
    assert CAPS[endpoint](body, 7, "gemini") == expected
