"""What redaction costs who does not use it: nothing."""

import subprocess
import sys

PROGRAM = """
import sys
from common.redaction import redacting, planned, shapes, restoring
from common.redaction.policy import plan, read_policy
made = planned.scanner(plan(read_policy({"entities": {"EMAIL_ADDRESS": "mask"}})))
assert len(made.scan("a@example.com")) == 1
print(*sorted({"re2", "phonenumbers"} & set(sys.modules)))
planned.scanner(plan(read_policy({"entities": {"PHONE_NUMBER": "mask"}})))
print(*sorted({"re2", "phonenumbers"} & set(sys.modules)))
"""


def test_libraries_come_with_the_entities_that_need_them():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n") == ["", "phonenumbers", ""]
