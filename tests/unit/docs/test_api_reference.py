"""docs/api.md is what the code says."""

from pathlib import Path

from cli.api_reference import reference
from functions.key_admin.application import OPERATIONS
from functions.relay.endpoints import ENDPOINTS

FILE = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_file_is_current():
    assert FILE.read_text() == reference(), "run `python -m cli.api_reference > docs/api.md`"


def test_every_route_and_operation_is_in_it():
    text = FILE.read_text()
    for endpoint in ENDPOINTS:
        assert endpoint.path in text
    for operation in OPERATIONS:
        assert f"`{operation.method} {operation.path}`" in text
