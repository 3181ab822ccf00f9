"""`telltale settings`: what is in force, and where each setting comes from."""

from __future__ import annotations

import os
from typing import Annotated, Any

import msgspec
import typer

from flows.cli.options import Config, Output, Rows, example, settings_file
from flows.cli.show import rows, say
from flows.setting_values import is_secret
from flows.settings import Settings, find_settings, known_settings

app = typer.Typer(help="Show the settings.", no_args_is_help=True, rich_markup_mode=None)

_MASKED = "(hidden)"


@app.command(epilog=example("telltale settings show --origin"))
def show(
    origin: Annotated[
        bool, typer.Option("--origin", help="Say where each comes from: the default, a line, a variable.")
    ] = False,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show every setting with its value; secrets stay hidden."""
    file = settings_file(config)
    found = find_settings(file, os.environ)
    listed: list[dict[str, object]] = []
    for name in known_settings():
        dotted = ".".join(name)
        for setting, value in _each(dotted, _value(found.settings, name)):
            row: dict[str, object] = {"setting": setting, "value": value}
            listed.append({**row, "from": found.origins.get(dotted, "default")} if origin else row)
    if output is Output.table:
        listed = [{**row, "value": _shown(row["value"])} for row in listed]
    rows(listed, output, "Nothing can be set.")
    if not file.exists():
        say(f"There is no {file} here: these are the defaults and what the environment says.")


def _value(settings: Settings, name: tuple[str, ...]) -> Any:
    """The value at a path."""
    value: Any = settings
    for part in name:
        value = getattr(value, part)
    return value


def _each(name: str, value: Any) -> list[tuple[str, Any]]:
    """A setting, or each entry of one that is a table, with secrets masked."""
    if isinstance(value, dict) and value:
        table = msgspec.convert(value, dict[str, str])
        return [(f"{name}.{key}", _MASKED if is_secret(key) else text) for key, text in table.items()]
    return [(name, _MASKED if value and is_secret(name) else value)]


def _shown(value: object) -> str:
    """A value as a table shows it."""
    return str(value) if value or value == 0 else "(empty)"
