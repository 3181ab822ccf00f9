"""`telltale demo`: half a minute of a fleet in which some vehicles go bad, and what is done about it."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.show import say


def demo(
    folder: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where its settings, topics and outbox go; made anew each time."),
    ] = Path("demo"),
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=5, max=3600, help="How long the fleet sends.")
    ] = 30.0,
) -> None:
    """Show the whole loop on the embedded bus: readings, alarms, decisions, actions. Exit code 1 if any went amiss."""
    from flows.cli.demo_closing import close
    from flows.cli.demo_view import audience
    from flows.demo.folder import make_folder
    from flows.demo.play import Play
    from flows.engine.clock import wall_clock
    from flows.provision import publish_rules
    from flows.settings import load_settings

    file = make_folder(folder, secrets.token_urlsafe())
    settings = load_settings(file, _without_settings())
    publish_rules(settings)
    try:
        judgement = Play(settings, file, wall_clock, time.monotonic).run(seconds, audience())
    except KeyboardInterrupt:
        say("Stopped.")
        raise typer.Exit(130) from None
    close(judgement, folder)
    if not judgement.right:
        raise typer.Exit(1)


def _without_settings() -> dict[str, str]:
    """Nothing of the environment: what is set there is for another installation, and the children must agree."""
    for name in [name for name in os.environ if name.startswith("TELLTALE_")]:
        del os.environ[name]
    return {}
