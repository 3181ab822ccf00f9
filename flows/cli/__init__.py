"""The command line `telltale`: it reads arguments, calls what does the work, and prints; one file a group of commands.

Whatever a command needs that is slow to load (kernels, Bytewax, Kafka's client) is imported inside it.
"""

from __future__ import annotations

import io
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; any error of ours or of its arguments is one plain paragraph and its own exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a terminal's encoding lacks is shown as a question mark, and is no reason to stop.
            stream.reconfigure(errors="replace")
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        # Typer answers it while a command runs; this is for what is loaded before, and what is closed after.
        sys.exit(_INTERRUPTED)


def _run() -> int:
    """The exit code of what the arguments ask for."""
    from flows.cli.app import app
    from flows.cli.show import say
    from flows.cli.usage import UsageError, said
    from flows.errors import TelltaleError

    try:
        return app(prog_name="telltale", standalone_mode=False) or 0
    except TelltaleError as error:
        say(str(error))
        return error.exit_code
    except UsageError as error:
        say(said(error))
        return 2
