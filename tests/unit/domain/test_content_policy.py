"""Content policies: what they say, and complaints that name the field."""

import pytest

from common.domain.content_policy import read_content_policy
from common.domain.field_errors import InvalidPolicy

PATTERN = {"name": "codename", "pattern": "(?i)bluebird", "verdict": "block"}


def errors_of(value):
    with pytest.raises(InvalidPolicy) as refused:
        read_content_policy(value)
    return {error.field: error.message for error in refused.value.errors}


def test_what_is_not_said_has_defaults():
    webhook = {"url": "https://guard.example.com/judge"}
    policy = read_content_policy({"patterns": [PATTERN], "webhook": webhook})
    assert policy.input_characters_max is None
    assert policy.patterns[0].where == "both"
    assert policy.webhook is not None
    assert policy.webhook.phases == ("input",)
    assert policy.webhook.on_failure == "block"
    assert policy.webhook.streams == "hold"
    assert read_content_policy({}).webhook is None


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"input_characters_max": 0}, "input_characters_max"),
        ({"input_characters": 5}, "input_characters"),
        ({"patterns": [{**PATTERN, "name": "Blue Bird"}]}, "patterns[0].name"),
        ({"patterns": [PATTERN, PATTERN]}, "patterns[1].name"),
        ({"patterns": [{**PATTERN, "pattern": "(a"}]}, "patterns[0].pattern"),
        ({"patterns": [{**PATTERN, "pattern": "a*"}]}, "patterns[0].pattern"),
        ({"patterns": [{**PATTERN, "pattern": r"(a)\1"}]}, "patterns[0].pattern"),
        ({"patterns": [{**PATTERN, "pattern": "a\ud800"}]}, "patterns[0].pattern"),
        ({"patterns": [{**PATTERN, "pattern": "a" * 1001}]}, "patterns[0].pattern"),
        ({"patterns": [{**PATTERN, "verdict": "deny"}]}, "patterns[0].verdict"),
        ({"patterns": [{**PATTERN, "name": str(n)} for n in range(51)]}, "patterns"),
        ({"webhook": {"url": "ftp://guard"}}, "webhook.url"),
        ({"webhook": {"url": "https://user:password@guard.example.com"}}, "webhook.url"),
        ({"webhook": {"url": "https://guard.example.com/?token=x"}}, "webhook.url"),
        ({"webhook": {"url": "https://169.254.169.254/"}}, "webhook.url"),
        ({"webhook": {"url": "http://guard.example.com"}}, "webhook.url"),
        ({"webhook": {"url": "https://guard.example.com", "phases": []}}, "webhook.phases"),
        ({"webhook": {"url": "https://guard/", "phases": ["input"] * 2}}, "webhook.phases"),
        ({"webhook": {"url": "https://guard/", "timeout_ms": 5}}, "webhook.timeout_ms"),
        ({"webhook": {"phases": ["input"]}}, "webhook"),
        ([], "content_policy"),
    ],
)
def test_a_complaint_names_the_field(policy, field):
    assert list(errors_of(policy)) == [field]


def test_every_field_at_fault_is_named():
    policy = {"input_characters_max": -1, "patterns": [{**PATTERN, "pattern": "["}]}
    assert set(errors_of(policy)) == {"input_characters_max", "patterns[0].pattern"}
