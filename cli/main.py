"""`relayctl`: one command with subcommands, each imported only when it is called for."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name -> (module, attribute, what `relayctl --help` says)
_COMMANDS = {
    "accounts": ("cli.admin.accounts", "accounts", "The providers' accounts that serve requests."),
    "aliases": ("cli.admin.aliases", "aliases", "Names that stand for models."),
    "apply": ("cli.admin.apply", "apply", "Make what a file declares so."),
    "audit": ("cli.admin.audit", "audit", "What administrators did."),
    "budgets": ("cli.admin.budgets", "budgets", "Budgets, and how full they are."),
    "cache": ("cli.admin.cache", "cache", "Answers that the response cache keeps."),
    "cleanup": ("cli.cleanup_command", "cleanup", "Run a task of cleanup now."),
    "completion": ("cli.admin.completion", "completion", "Completion for your shell."),
    "dead-letters": ("cli.admin.dead_letters", "dead_letters", "Events that nobody took."),
    "dev": ("cli.dev_command", "dev", "Run all of Relay on this machine."),
    "doctor": ("cli.doctor_command", "doctor", "Look whether all is well, and say what to do."),
    "ensure-secrets": (
        "cli.ensure_secrets",
        "ensure_secrets",
        "Make the Secrets of a release, once.",
    ),
    "events": ("cli.events", "events", "Show what the local broker could not deliver."),
    "export": ("cli.admin.configuration", "export", "Write the configuration into a file."),
    "import": ("cli.admin.configuration", "import_", "Write another installation's configuration."),
    "groups": ("cli.admin.groups", "groups", "Groups of accounts that serve some keys."),
    "keys": (
        "cli.admin.keys_bulk",  # which completes the group of cli.admin.keys
        "keys",
        "The keys of callers.",
    ),
    "notifications": (
        "cli.admin.notifications",
        "notifications",
        "Where people are told what happens.",
    ),
    "prices": ("cli.admin.prices", "prices", "What models cost, and pricing records again."),
    "reconcile": (
        "cli.reconcile_providers",  # which completes the group of cli.reconcile_command
        "reconcile",
        "Counters against the ledger, the ledger against providers.",
    ),
    "branding": ("cli.admin.branding", "branding", "Name and logo of the console."),
    "quarantine": ("cli.admin.quarantine", "quarantine", "Usage that the ledger cannot take."),
    "condition": ("cli.admin.condition", "condition", "How the stores are."),
    "content-policy": (
        "cli.admin.content_policy",
        "content_policy",
        "What content policies' webhooks need.",
    ),
    "content-rules": (
        "cli.admin.content_rules",
        "content_rules",
        "Which rules of content hold.",
    ),
    "redaction": ("cli.admin.redaction", "redaction", "Trying rules of content."),
    "serve": ("cli.serve_command", "serve", "Run one function by itself."),
    "master-key": ("cli.admin.master_key", "master_key", "Replace the administrators' key."),
    "migrate": ("cli.migrate", "migrate", "Bring the database to this version's schema."),
    "organisation": ("cli.admin.organisation", "organisation", "What limits all keys together."),
    "limits": ("cli.admin.limits_use", "limits", "What is used and left of limits and budgets."),
    "login": ("cli.admin.signing_in", "login", "Sign in to the admin API."),
    "logout": ("cli.admin.signing_in", "logout", "Sign out of it."),
    "models": ("cli.admin.models", "models", "What is known of models."),
    "route": ("cli.admin.route", "route", "Which accounts a request would take, and why."),
    "self": ("cli.admin.self_service", "self_service", "Your own keys, as in the portal."),
    "service-accounts": (
        "cli.admin.service_accounts",
        "service_accounts",
        "Programs with a token of their own.",
    ),
    "sessions": ("cli.admin.signing_in", "sessions", "Who is signed in."),
    "teams": ("cli.admin.teams", "teams", "The tenants."),
    "usage": (
        "cli.admin.usage_export",  # which completes the group of cli.admin.usage
        "usage",
        "What was used, by whom, and what it cost.",
    ),
    "whoami": ("cli.admin.signing_in", "whoami", "Who the server takes you for."),
    "users": ("cli.admin.users", "users", "Those whom usage belongs to."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports one when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Names and options for a shell, without importing anything."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=_COMMANDS[name][2]) for name in names]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for `--help`, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="relay")
def relayctl() -> None:
    """Relay: an LLM gateway with a ledger that is exactly right."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process."""
    relayctl.main(args=arguments, prog_name="relayctl")


if __name__ == "__main__":
    main()
