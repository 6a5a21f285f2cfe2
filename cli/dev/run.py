"""`relayctl dev`: the whole of Relay on one machine, until it is told to stop."""

import asyncio
from collections.abc import Mapping

from cli.dev.console import complain, say, show
from cli.dev.errors import CannotStart
from cli.dev.options import DevOptions, dev_options
from cli.dev.ports import LOOPBACK, free_port, is_free
from cli.dev.stack import Stack
from cli.dev.state import State
from cli.dev.supervisor import Supervisor
from cli.dev.welcome import welcome

EXIT_CANNOT_START = 1


def run_dev(environment: Mapping[str, str]) -> int:
    """Run the stack. 0 when it was stopped, 1 (after a sentence) when it cannot start."""
    try:
        options = dev_options(environment)
        state = State.open(options.state)
        try:
            _run(options, state)
        finally:
            state.close()
    except CannotStart as error:
        complain(str(error))
        return EXIT_CANNOT_START
    except KeyboardInterrupt:
        return EXIT_CANNOT_START
    return 0


def _run(options: DevOptions, state: State) -> None:
    port = options.port or free_port()
    if not is_free(port):
        raise CannotStart(
            f"Port {port} on {LOOPBACK} is in use by another program. Stop that one, or choose "
            f"another port: RELAY_PORT={port + 1} make dev"
        )
    say("relayctl", f"starting, state in {state.path}")
    stack = Stack(options, state, port)
    text = welcome(
        port=port,
        state=state.path,
        master_key_is_ours=stack.master_key_is_ours,
        providers=options.providers,
    )
    supervisor = Supervisor(state, stack.fixed_records)
    asyncio.run(supervisor.run(stack.stages, lambda: show(text)))
    say("relayctl", "stopped")
