"""What is told of a body or query that is not valid."""

import json

import pytest

from functions.key_admin.application import OPERATIONS
from functions.key_admin.bodies import PUBLIC_BODY_BYTES_MAX, read_model
from functions.key_admin.models.sessions import SignIn
from functions.key_admin.problem import FAULTS_MAX, Problem


def refused(members):
    with pytest.raises(Problem) as found:
        read_model(json.dumps(members).encode(), SignIn)
    assert found.value.status == 422
    return found.value


def test_all_faults_are_told_as_long_as_they_are_few():
    problem = refused({f"a{number}": 1 for number in range(FAULTS_MAX)})
    assert [one.field for one in problem.errors] == [f"a{number}" for number in range(FAULTS_MAX)]
    assert "more" not in problem.detail


def test_of_many_faults_the_first_are_told_and_how_many_more_there_are():
    problem = refused({f"a{number}": 1 for number in range(FAULTS_MAX + 3000)})
    assert len(problem.errors) == FAULTS_MAX + 1
    assert problem.errors[-1].field == "body"
    assert "3000 more" in problem.errors[-1].message
    assert problem.detail.endswith(f"a{FAULTS_MAX - 1}, and 3000 more")


def test_what_is_no_json_is_said_to_be_none():
    with pytest.raises(Problem) as found:
        read_model(b"{", SignIn)
    assert found.value.status == 400


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.may.public], ids=lambda one: one.path
)
def test_what_anybody_may_send_is_short(operation):
    assert operation.body_bytes_max == PUBLIC_BODY_BYTES_MAX
