"""`telltale rules publish`: shows what a new rule set changes, then puts it on the topic `rules`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.cli.options import Config, bus_of, example, names_of
from flows.cli.rule_folder import Folder, settings_with
from flows.cli.show import harmless, say
from flows.rules.difference import changes, difference
from flows.rules.load import Documents, load_configuration
from flows.rules.published import PublishedSet, newest_published
from flows.settings import Settings

EXAMPLE = example("telltale rules publish --dry-run", "telltale rules publish --yes")
_NOTHING = Documents(streams={}, rules={}, purposes={}, profile={})


def publish(
    folder: Folder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, even on a terminal.")] = False,
    config: Config = None,
) -> None:
    """Publish the files as the next numbered rule set.

    They are checked, what they change is shown, and then they stand on the topic `rules`. Flows take them up by
    themselves. A set that says the same as the one in force is not published again.
    """
    from flows.provision import publish_rules

    settings = settings_with(config, folder)
    new = load_configuration(settings).documents
    old = _in_force(settings)
    if old is not None and old.fingerprint == new.fingerprint():
        print(f"Nothing changed: rule set {old.number} is in force.")
        return
    _show(old, new)
    if dry_run:
        say("Nothing was published.")
        return
    if sys.stdin.isatty() and sys.stdout.isatty() and not yes and not typer.confirm("Publish this?"):
        say("Nothing was published.")
        raise typer.Exit(1)
    print(f"Rule set {publish_rules(settings)} is in force.")


def _in_force(settings: Settings) -> PublishedSet | None:
    """The set in force; a bus that is not there yet is not made."""
    if settings.topics.bus == "sqlite" and not settings.path(settings.topics.path).exists():
        return None
    with bus_of(settings) as topics:
        return newest_published(topics, names_of(settings), settings.tenant)


def _show(old: PublishedSet | None, new: Documents) -> None:
    """What changes, a line each."""
    if old is None:
        say("No rule set is in force yet.")
    lines = map(str, difference(_NOTHING, new)) if old is None else changes(old.documents(), new)
    for line in lines:
        print(harmless(line))
