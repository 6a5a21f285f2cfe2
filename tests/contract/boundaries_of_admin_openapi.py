"""All that schemathesis knows to try of each parameter of the admin API: run by `make soak`.

Not found by itself (its name is no test's): to collect it takes each worker ten seconds.
"""

import schemathesis
from hypothesis import HealthCheck, settings

from functions.key_admin.application import OPERATIONS
from functions.key_admin.openapi import document
from tests.contract.test_admin_openapi import existing, served  # noqa: F401 - fixtures
from tests.support.documented_calls import check_call

schema = schemathesis.openapi.from_dict(document(OPERATIONS))
schema.config.generation.update(deterministic=True, max_examples=3)


@schema.parametrize()
@settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_the_document_says_at_every_boundary(case, served, existing):  # noqa: F811
    check_call(case, served, existing)
