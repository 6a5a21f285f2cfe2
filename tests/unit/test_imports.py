"""What each function may import, at whatever moment; and that no dependency is carried in vain.

Cold start is paid in imports, so a new one is a decision: it is added here with the function that
needs it. What the relay process really has imported after its first request is measured by
tests/integration/test_import_budget.py.
"""

import subprocess
import sys

import grimp
import pytest

FIRST_PARTY = ("cli", "common", "echo_provider", "functions")
ALLOWED = {
    # cryptography at the first stored account, psycopg at the first key that Redis does not
    # know, prometheus by the metrics port, pyreqwest for accounts behind an egress proxy,
    # phonenumbers and re2 at the first request whose rules of content need them.
    "functions.relay": {
        *("cryptography", "hiredis", "msgspec", "phonenumbers", "psycopg", "psycopg_pool"),
        *("pyreqwest", "re2"),
    },
    # pyreqwest at a test call of an account, jwt at the first session, phonenumbers and re2 at the
    # first rule of content that has a pattern or phone numbers.
    "functions.key_admin": {
        # apprise at a test of a channel of notifications.
        *(
            "apprise",
            "cryptography",
            "httpx",
            "jwt",
            "msgspec",
            "phonenumbers",
            "psycopg",
            "psycopg_pool",
        ),
        *("pydantic", "pydantic_core", "pyreqwest", "re2", "redis", "starlette"),
    },
    # pyreqwest by an egress proxy.
    "functions.usage_aggregation": {
        *(
            "cloudevents",
            "cryptography",
            "msgspec",
            "psycopg",
            "psycopg_pool",
            "pyreqwest",
            "redis",
        ),
    },
    # cryptography when there is an open job, pyreqwest by an egress proxy.
    "functions.cleanup": {
        *("cloudevents", "cryptography", "msgspec", "psycopg", "psycopg_pool", "pyreqwest"),
        "redis",
    },
    # apprise at the first message that is no webhook.
    "functions.notifications": {
        *("apprise", "cloudevents", "cryptography", "msgspec", "psycopg", "psycopg_pool"),
        *("pyreqwest", "redis"),
    },
    "functions.exporter": {"msgspec", "psycopg", "psycopg_pool", "redis"},
    "functions.pii": {"msgspec", "spacy", "thinc"},
    "common.serve": {"msgspec", "prometheus_client"},
}
# The packages that the product is built on.
FIXED = {
    *("apprise", "cloudevents", "functions_framework", "httpx", "prometheus_client", "psycopg"),
    *("pydantic", "redis", "spacy"),
}


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(*FIRST_PARTY, include_external_packages=True)


def third_party(graph, package):
    modules = graph.find_upstream_modules(package, as_package=True)
    names = {module.partition(".")[0] for module in modules}
    return names - set(sys.stdlib_module_names) - set(FIRST_PARTY)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_function_imports_what_it_may(graph, package):
    assert third_party(graph, package) == ALLOWED[package]


def test_every_function_is_listed(graph):
    functions = set(graph.find_children("functions"))
    assert functions == {name for name in ALLOWED if name.startswith("functions.")}


@pytest.mark.parametrize("package", sorted(FIXED))
def test_each_fixed_package_is_used(graph, package):
    assert graph.find_modules_that_directly_import(package)


def test_key_admin_starts_without_what_signs_people_in():
    code = "import functions.key_admin.main, sys; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "functions.key_admin.identity.oidc" in loaded
    assert not {"jwt", "cryptography", "pyreqwest"} & {name.partition(".")[0] for name in loaded}
