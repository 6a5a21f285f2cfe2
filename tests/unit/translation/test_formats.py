"""What holds of every format: written and read again, a conversation, answer or stream is the same.

The formats of callers are read and written on both sides, so their own reader judges their writer;
tests/contract has the official SDKs judge it.
"""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.translation.conversation import (
    CannotExpress,
    Conversation,
    Message,
    Text,
    ThinkingMode,
)
from common.translation.formats import FORMAT_OF_ENDPOINT, FORMATS
from tests.support.conversations import (
    RARER,
    answer_of,
    answers,
    conversations,
    plain,
    streams_of,
    whole,
)
from tests.support.splits import splits

WRITTEN = sorted(FORMATS)
SPOKEN = [name for name in WRITTEN if name in FORMAT_OF_ENDPOINT.values()]
# Whose answers have a place for what seals a thought.
SEALING = {"anthropic.messages", "gemini.generate", "openai.responses"}
# What a format says by other means, so that its reader does not read it as what it was.
OTHERWISE = {("gemini.generate", "strict tool")}  # by the mode VALIDATED
ASKED = Conversation(
    model="model-1",
    messages=(Message("user", (Text("Hello"),)),),
    max_output_tokens=99,
    include_usage=True,
)
SHOWING = msgspec.structs.replace(ASKED, thinking=ThinkingMode(effort="low"))

few = settings(max_examples=8, deadline=None, database=None)
every_format = pytest.mark.parametrize("name", SPOKEN)


def read_back(name, conversation):
    form = FORMATS[name]
    body = form.write_request(conversation, conversation.model)
    return form.read_request(body, conversation.model, stream=conversation.stream)


def sealed_by(name):
    return name if name in SEALING else ""


def read_in(reader, chunks):
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return events + reader.end()


def written(name, events):
    writer = FORMATS[name].stream_writer(SHOWING)
    return b"".join([writer.write(event) for event in events])


@every_format
@few
@given(told=conversations())
def test_what_all_can_say_is_the_same_when_read_again(name, told):
    again = read_back(name, told)
    assert plain(again) == plain(told)
    assert (again.model, again.stream) == (told.model, told.stream)


@pytest.mark.parametrize("name", WRITTEN)
@few
@given(told=conversations())
def test_what_all_can_say_every_provider_can_be_asked(name, told):
    assert FORMATS[name].write_request(told, told.model)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("rarer", RARER)
def test_what_some_can_say_is_the_same_or_refused_by_its_name(name, rarer):
    told = msgspec.structs.replace(ASKED, **RARER[rarer])
    refused = None
    try:
        FORMATS[name].write_request(told, told.model)
    except CannotExpress as error:
        refused = error.attribute.partition(".")[0]
    assert refused is None or refused in RARER[rarer]
    if refused is None and name in SPOKEN and (name, rarer) not in OTHERWISE:
        assert plain(read_back(name, told)) == plain(told)


@every_format
@few
@given(data=st.data())
def test_an_answer_is_the_same_when_read_again(name, data):
    answer = data.draw(answers(sealed_by(name)))
    again = FORMATS[name].read_answer(FORMATS[name].write_answer(answer, SHOWING))
    assert whole(again) == whole(answer)


@every_format
@few
@given(data=st.data())
def test_a_stream_is_the_same_when_read_again_and_says_what_the_whole_answer_says(name, data):
    answer = data.draw(answers(sealed_by(name)))
    stream = written(name, data.draw(streams_of(answer)))
    again = answer_of(read_in(FORMATS[name].stream_reader(), [stream]))
    assert whole(again) == whole(answer)
    assert again.id == FORMATS[name].read_answer(FORMATS[name].write_answer(answer, SHOWING)).id


@every_format
@few
@given(data=st.data())
def test_wherever_a_stream_is_split_it_says_the_same(name, data):
    stream = written(name, data.draw(streams_of(data.draw(answers(sealed_by(name))))))
    at_once = read_in(FORMATS[name].stream_reader(), [stream])
    assert read_in(FORMATS[name].stream_reader(), data.draw(splits(stream))) == at_once
