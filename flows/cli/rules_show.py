"""`telltale rules show`: what a rule means, in plain words."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.options import Config, example
from flows.cli.rule_folder import rule_named, settings_with
from flows.cli.show import harmless, paragraph, title
from flows.rules.load import load_configuration
from flows.rules.words import words

EXAMPLE = example("telltale rules show engine-overheating")


def show(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The name of the rule, or its file.")],
    config: Config = None,
) -> None:
    """Say in plain words what a rule means.

    That is: when it is raised and over, what it does, and how often.
    """
    found = load_configuration(settings_with(config, None))
    chosen = rule_named(found, rule)
    stream = None if chosen.stream is None else found.streams[chosen.stream]
    title(f"{chosen.name}  ({chosen.file})")
    for line in words(chosen, stream):
        paragraph(harmless(line))
