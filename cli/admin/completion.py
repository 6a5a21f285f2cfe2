"""`relayctl completion`: what a shell needs to complete relayctl's commands and options."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in your shell.

    \b
    bash  relayctl completion bash >> ~/.bashrc
    zsh   relayctl completion zsh >> ~/.zshrc
    fish  relayctl completion fish > ~/.config/fish/completions/relayctl.fish
    """  # noqa: D301 - \b is click's mark for text it must not rewrap
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"{shell} is not known to this version of click")
    root = context.find_root()
    click.echo(found(root.command, {}, "relayctl", "_RELAYCTL_COMPLETE").source())
