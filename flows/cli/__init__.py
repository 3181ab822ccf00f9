"""The command line `telltale`: it reads arguments, calls what does the work, and prints; one file a group of commands.

Whatever a command needs that is slow to load (kernels, Bytewax, Kafka's client) is imported inside it.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; any error of ours or of its arguments is one plain paragraph and its own exit code."""
    from flows.cli.app import app
    from flows.cli.show import say
    from flows.cli.usage import UsageError, said
    from flows.errors import TelltaleError

    try:
        sys.exit(app(prog_name="telltale", standalone_mode=False))
    except TelltaleError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except UsageError as error:
        say(said(error))
        sys.exit(2)
