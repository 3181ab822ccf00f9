"""What the commands about rules share: which folder is meant, and which rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows.cli.options import settings_of
from flows.errors import NameUnknown
from flows.fields import did_you_mean
from flows.rules.load import Configuration
from flows.rules.model import Rule
from flows.settings import Settings

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="The folder of the rules, if not the one in the settings."),
]


def settings_with(config: Path | None, folder: Path | None) -> Settings:
    """The settings, with another folder of rules if one is named."""
    settings = settings_of(config)
    return settings if folder is None else msgspec.structs.replace(settings, rules=str(folder.absolute()))


def rule_named(found: Configuration, name: str) -> Rule:
    """The rule of a name, or of a file that is among those of the folder; raises NameUnknown."""
    path = Path(name)
    for rule in found.rules:
        if rule.name == name or (path.is_file() and path.resolve() == Path(rule.file).resolve()):
            return rule
    raise NameUnknown("rule", name, did_you_mean(name, [each.name for each in found.rules]))
