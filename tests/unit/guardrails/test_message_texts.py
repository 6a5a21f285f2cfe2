"""The texts of whole bodies, by what the bodies are and not by how they begin."""

import pytest

from common.guardrails.message_texts import answer_texts


@pytest.mark.parametrize(
    "said", ["[Music] blue bird", "[Music] a]] blue bird", '{x} "a" }} blue bird', "blue bird", "1"]
)
def test_a_transcript_as_plain_text_is_one_text_however_it_begins(said):
    texts = [one for one in answer_texts(said.encode(), "audio.transcriptions") if one is not None]
    assert [one.text for one in texts] == [said]
