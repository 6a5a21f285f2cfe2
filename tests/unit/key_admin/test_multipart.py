"""Forms with files, as browsers send them."""

import base64

import pytest

from common.dialects.forms import PARTS_MAX
from functions.key_admin.multipart import fields_of
from functions.key_admin.problem import Problem

TYPE = "multipart/form-data; boundary=----WebKitFormBoundaryX"


def sent(*parts):
    found = [
        f'------WebKitFormBoundaryX\r\nContent-Disposition: form-data; name="{name}"{more}'
        "\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, more, content in parts
    ]
    return b"".join(found) + b"------WebKitFormBoundaryX--\r\n"


def test_texts_are_texts_and_files_are_base64():
    picture = bytes(range(256)) + b"\r\n\r\n--"
    body = sent(
        ("name", "", "Ä & b".encode()),
        ("logo", '; filename="name=x.png"\r\nContent-Type: image/png', picture),
        ("none", '; filename=""\r\nContent-Type: application/octet-stream', b""),
    )
    found = fields_of(TYPE, body)
    assert found["name"] == "Ä & b"
    assert base64.b64decode(found["logo"]) == picture
    assert found["none"] == ""


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", sent(("a", "", b"b"))),
        (TYPE, b""),
        (TYPE, sent(("a", "", b"b"))[:-6]),
        (TYPE, b"------WebKitFormBoundaryX\r\nno head------WebKitFormBoundaryX--"),
        (TYPE, sent(("a", "", b"b")).replace(b"name=", b"nome=")),
    ],
)
def test_what_is_no_form_is_refused(content_type, body):
    with pytest.raises(Problem) as refused:
        fields_of(content_type, body)
    assert refused.value.status == 400


def test_a_form_has_so_many_fields():
    with pytest.raises(Problem) as refused:
        fields_of(TYPE, sent(*[("a", "", b"")] * (PARTS_MAX + 1)))
    assert refused.value.status == 413
