"""What sending events may import: it is on relay's way to its first answer."""

import subprocess
import sys

FORBIDDEN = ("cloudevents", "httpx", "redis", "psycopg", "pydantic", "starlette")


def test_emitting_imports_no_client_and_no_sdk():
    code = "import sys, common.events.emit, common.events.types, common.events.receive; "
    code += f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
