"""`telltale init`: a folder with a configuration that runs at once, the starter's or one for a stranger's archive."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import example

EXAMPLE = example("telltale init my-fleet", "telltale init my-pumps --from may.csv")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    archive: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Readings as JSONL or CSV: the configuration is for these."
        ),
    ] = None,
) -> None:
    """Begin a configuration in a new folder.

    It holds settings with secrets of their own, streams, purposes, a profile and rules with their tests; the starter's
    also the source systems that know customers, and those that rules may ask.
    """
    from flows.inference.proposal import Asked, propose
    from flows.inference.sample import read_sample
    from flows.scaffold import make_for, make_starter

    place = "" if folder.resolve() == Path.cwd() else f" --config {shlex.quote(str(folder))}"
    if archive is None:
        make_starter(folder, _secret)
        rules = len(list(folder.glob("rules/*.yaml")))
        print(
            f"{folder} holds streams, sources, purposes, a profile and {rules} rules with their tests. What next:"
        )
        following = ["rules test", "run --all", "simulate"]
    else:
        proposal = propose(read_sample(archive), Asked())
        make_for(folder, proposal, _secret)
        print(f"{folder} holds the stream {proposal.stream.name!r} and one rule with its tests. What next:")
        file = shlex.quote(str(archive))
        following = ["rules test", f"streams check {file}", f"backtest {file}"]
    for command in following:
        print(f"  telltale {command}{place}")


def _secret() -> str:
    """Nobody can guess it: 256 bits in hexadecimal digits."""
    return secrets.token_hex(32)
