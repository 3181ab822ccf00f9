"""The command line `telltale`: it reads arguments, calls what does the work, and prints; one file a group of commands.

Whatever a command needs that is slow to load (kernels, Bytewax, Kafka's client) is imported inside it.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; a TelltaleError is one plain paragraph on standard error and its own exit code."""
    from flows.cli.app import app
    from flows.cli.show import say
    from flows.errors import TelltaleError

    try:
        app(prog_name="telltale")
    except TelltaleError as error:
        say(str(error))
        sys.exit(error.exit_code)
