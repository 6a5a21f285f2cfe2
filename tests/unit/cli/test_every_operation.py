"""Every operation of the admin API has a command, or a reason why it has none."""

import inspect

import click
import pytest

from cli.main import relayctl
from functions.key_admin.application import OPERATIONS

# Command -> the operations that it is there for.
COMMANDS = {
    "keys create": "POST /internal/api-keys",
    "keys list": "GET /internal/api-keys",
    "keys show": "GET /internal/api-keys/{key_id}",
    "keys update": "PATCH /internal/api-keys/{key_id}",
    "keys revoke": "POST /internal/api-keys/{key_id}/revoke",
    "keys restore": "POST /internal/api-keys/{key_id}/restore",
    "keys rotate": "POST /internal/api-keys/{key_id}/rotate",
    "keys create-many": "POST /internal/api-keys/bulk",
    "keys change-many": "PATCH /internal/api-keys/bulk",
    "accounts create": "POST /internal/accounts",
    "accounts list": "GET /internal/accounts",
    "accounts show": "GET /internal/accounts/{account_id}",
    "accounts update": "PATCH /internal/accounts/{account_id}",
    "accounts delete": "DELETE /internal/accounts/{account_id}",
    "accounts rewrap": "POST /internal/accounts/rewrap",
    "accounts reset": "POST /internal/accounts/{account_id}/reset",
    "accounts test": "POST /internal/accounts/{account_id}/test",
    "groups create": "POST /internal/groups",
    "groups list": "GET /internal/groups",
    "groups show": "GET /internal/groups/{group_id}",
    "groups update": "PATCH /internal/groups/{group_id}",
    "groups delete": "DELETE /internal/groups/{group_id}",
    "aliases list": "GET /internal/aliases",
    "aliases show": "GET /internal/aliases/{name}",
    "aliases set": "PUT /internal/aliases/{name}",
    "aliases delete": "DELETE /internal/aliases/{name}",
    "models list": "GET /internal/models",
    "models show": "GET /internal/models/{name}",
    "models set": "PUT /internal/models/{name}",
    "models delete": "DELETE /internal/models/{name}",
    "route explain": "GET /internal/routing/explain",
    "users create": "POST /internal/users",
    "users list": "GET /internal/users",
    "users show": "GET /internal/users/{user_id}",
    "users update": "PATCH /internal/users/{user_id}",
    "users delete": "DELETE /internal/users/{user_id}",
    "teams create": "POST /internal/teams",
    "teams list": "GET /internal/teams",
    "teams show": "GET /internal/teams/{team_id}",
    "teams update": "PATCH /internal/teams/{team_id}",
    "teams delete": "DELETE /internal/teams/{team_id}",
    "organisation show": "GET /internal/organisation",
    "organisation update": "PATCH /internal/organisation",
    "redaction try": "POST /internal/redaction/try",
    "content-policy webhook-secret": "POST /internal/content-policy/webhook-secret",
    "usage sums": "GET /internal/usage",
    "usage leaderboard": "GET /internal/usage/leaderboard",
    "usage records": "GET /internal/usage/records",
    "usage receipt": "GET /internal/usage/requests/{request_id}/receipt",
    "usage timings": "GET /internal/usage/timings",
    "usage export": "GET /internal/usage/records.csv, GET /internal/usage/records.xlsx, "
    "GET /internal/usage/exports/{export_id}",
    "usage spend": "GET /internal/spend",
    "limits show": "GET /internal/limits",
    "limits tree": "GET /internal/limits/tree",
    "budgets list": "GET /internal/limits/tree",
    "prices show": "GET /internal/prices",
    "prices diff": "POST /internal/prices/diff",
    "prices books": "GET /internal/prices/books",
    "prices import": "POST /internal/prices/books",
    "prices recompute": "POST /internal/prices/recompute",
    "audit list": "GET /internal/audit",
    "condition": "GET /internal/condition",
    "quarantine list": "GET /internal/quarantine",
    "quarantine retry": "POST /internal/quarantine/{record_id}/retry",
    "dead-letters list": "GET /internal/dead-letters",
    "dead-letters retry": "POST /internal/dead-letters/{letter_id}/retry",
    "notifications create": "POST /internal/notification-channels",
    "notifications list": "GET /internal/notification-channels",
    "notifications show": "GET /internal/notification-channels/{channel_id}",
    "notifications update": "PATCH /internal/notification-channels/{channel_id}",
    "notifications delete": "DELETE /internal/notification-channels/{channel_id}",
    "notifications test": "POST /internal/notification-channels/{channel_id}/test",
    "notifications messages": "GET /internal/notification-deliveries",
    "notifications retry": "POST /internal/notification-deliveries/{delivery_id}/retry",
    "export": "POST /internal/configuration/export",
    "import": "POST /internal/configuration/import",
    "master-key rotate": "POST /internal/master-key/grace",
    "login": "POST /internal/session",
    "whoami": "GET /internal/session",
    "logout": "DELETE /internal/session, DELETE /internal/sessions",
    "sessions list": "GET /internal/sessions",
    "sessions end": "DELETE /internal/sessions/{session_id}",
    "service-accounts create": "POST /internal/service-accounts",
    "service-accounts list": "GET /internal/service-accounts",
    "service-accounts show": "GET /internal/service-accounts/{service_account_id}",
    "service-accounts update": "PATCH /internal/service-accounts/{service_account_id}",
    "service-accounts rotate": "POST /internal/service-accounts/{service_account_id}/rotate",
    "service-accounts revoke": "DELETE /internal/service-accounts/{service_account_id}",
    "service-accounts areas": "GET /internal/areas",
    "accounts presets": "GET /internal/accounts/presets",
    "accounts errors": "GET /internal/accounts/{account_id}/errors",
    "accounts users": "GET /internal/accounts/{account_id}/users",
    "content-rules show": "GET /internal/content-rules",
    "dead-letters show": "GET /internal/dead-letters/{letter_id}",
    "branding show": "GET /internal/branding",
    "branding update": "PATCH /internal/branding",
    "self show": "GET /internal/self",
    "self keys": "GET /internal/self/keys",
    "self create": "POST /internal/self/keys",
    "self rotate": "POST /internal/self/keys/{key_id}/rotate",
    "self revoke": "POST /internal/self/keys/{key_id}/revoke",
    "self limits": "GET /internal/self/limits",
    "self usage": "GET /internal/self/usage",
    "self requests": "GET /internal/self/requests",
    "self receipt": "GET /internal/self/requests/{request_id}",
    "self check": "POST /internal/self/check",
    "cache show": "GET /internal/response-cache",
    "cache purge": "DELETE /internal/response-cache",
}
WITHOUT = {
    "GET /internal/team-names": "`teams list` has them; this is for lists of a page to choose from",
    "GET /internal/audit.csv": "`audit list --all --output csv` writes the same rows",
    "DELETE /internal/api-keys/{key_id}": "the same as `keys revoke`",
    "GET /internal/self/keys/{key_id}": "`self keys` has all that it shows",
    "POST /internal/session/refresh": "every command renews the session of `login` by itself",
}


def test_each_stands_in_one_of_both_lists():
    served = {operation for operations in COMMANDS.values() for operation in operations.split(", ")}
    there = [f"{one.method} {one.path}" for one in OPERATIONS]
    assert sorted([*served, *WITHOUT]) == sorted(there)
    assert all(WITHOUT.values())


@pytest.mark.parametrize("path", COMMANDS)
def test_the_command_is_there_and_speaks_of_the_operation(path):
    command = relayctl
    for step in path.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), step)
        assert command is not None, path
    assert "output" in [parameter.name for parameter in command.params]
    source = inspect.getsource(inspect.getmodule(inspect.unwrap(command.callback)))
    for operation in COMMANDS[path].split(", "):
        # The last of the address that is no id: its own module sends it.
        fixed = [step for step in operation.split("/") if not step.startswith("{")][-1]
        assert fixed.partition(".")[0] in source, operation
