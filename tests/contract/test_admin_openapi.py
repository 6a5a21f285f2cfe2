"""The admin API does what its OpenAPI document says, whatever it is sent.

schemathesis makes calls of the document, right ones and wrong ones, the same in every run: no call
may make a server fail, and every answer has a status, a type and a shape of the document. All that
it knows to try of each parameter, some thousands of calls, is in `boundaries_of_admin_openapi.py`.
"""

import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from functions.key_admin.application import OPERATIONS
from functions.key_admin.openapi import document
from tests.support.documented_calls import Existing, check_call
from tests.support.key_admin import served_key_admin

BRIEFLY = settings(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schema():
    """schemathesis, which takes seconds to import, only where these tests run."""
    import schemathesis

    made = schemathesis.openapi.from_dict(document(OPERATIONS))
    made.config.generation.update(deterministic=True)
    return made


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        _worker_redis.flush()
        yield key_admin


@pytest.fixture
def existing(served):
    return Existing(served)


def test_every_parameter_of_a_path_has_one_that_there_is(existing):
    named = {name for operation in OPERATIONS for name in re.findall("{(.*?)}", operation.path)}
    assert named == set(existing.makers)
    assert all(existing[name] for name in named)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_it_answers_as_the_document_says(operation, schema, served, existing):
    from schemathesis import GenerationMode

    declared = schema[operation.path][operation.method]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)

    @BRIEFLY
    @given(st.one_of([declared.as_strategy(generation_mode=mode) for mode in modes]))
    def check(case):
        check_call(case, served, existing)

    check()
