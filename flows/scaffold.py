"""What `telltale init` makes: the starter, or a configuration for a stranger's archive, ready to run as it is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from flows.errors import FolderUnusable
from flows.inference.document import write_document
from flows.inference.first_rule import first_rule
from flows.inference.proposal import Proposal
from flows.rules.json_schema import KINDS, Kind, schema_of

_STARTER = Path(__file__).parent / "starter"
_SCHEMAS = ".schemas"
_SETTINGS = "telltale.toml"
_SECRETS = re.compile(r'^# (tenant_key|vault_key) = ""', re.MULTILINE)
_IGNORED = "# What the flows keep, and what they send in this default.\nstate/\noutbox/\n__pycache__/\n"
_PURPOSES = """\
# Why we may write to somebody. Actions such as `notify` name a purpose, never a lane. For example
#   service: {lane: normal, valid_for: 24h}
purposes: {}
"""
_PROFILE = """\
# What is known of a customer now, kept up to date with every event and alarm; rules read it as profile.<name>.
# For example
#   complaints: {event: complaint.opened, take: count}
values: {}
"""


def make_starter(folder: Path, secret: Callable[[], str]) -> None:
    """Copy the starter into a new or empty folder, with each `secret` newly made; raises FolderUnusable."""
    _begin(folder)
    try:
        shutil.copytree(_STARTER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        raise FolderUnusable(str(folder), error.strerror or "it cannot be written") from error
    _write(folder / _SETTINGS, _settings(secret))
    _finish(folder)


def make_for(folder: Path, proposal: Proposal, secret: Callable[[], str]) -> None:
    """Write a configuration for what was proposed, with one rule, into a new or empty folder; raises FolderUnusable."""
    _begin(folder)
    name, rule = first_rule(proposal)
    # The starter's steps are for the starter's fields.
    kept = [line for line in _settings(secret).splitlines() if not line.startswith("# steps")]
    texts = {
        _SETTINGS: "\n".join(kept) + "\n",
        "streams.yaml": write_document(proposal),
        "purposes.yaml": _PURPOSES,
        "profile.yaml": _PROFILE,
        f"rules/{name}.yaml": rule,
    }
    for path, text in texts.items():
        _write(folder / path, text)
    _finish(folder)


def _settings(secret: Callable[[], str]) -> str:
    """The starter's settings with secrets of their own, where the starter only shows their places."""
    settings = (_STARTER / _SETTINGS).read_text(encoding="utf-8")
    return _SECRETS.sub(lambda found: f'{found[1]} = "{secret()}"', settings)


def _begin(folder: Path) -> None:
    """The folder must be new or empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FolderUnusable(str(folder), "it is not empty")
    except FileExistsError as error:
        raise FolderUnusable(str(folder), "it is a file") from error
    except OSError as error:
        raise FolderUnusable(str(folder), error.strerror or "it cannot be made") from error


def _finish(folder: Path) -> None:
    """What every configuration has: schemas, a line in each file that names its own, and what git leaves out."""
    for kind in KINDS:
        schema = msgspec.json.format(msgspec.json.encode(schema_of(kind)), indent=2).decode()
        _write(folder / _SCHEMAS / f"{kind}.json", schema + "\n")
    of_kind: dict[str, Kind] = {kind: kind for kind in KINDS if kind != "rule"}
    for file in sorted(folder.rglob("*.yaml")):
        kind = of_kind.get(file.stem, "rule") if file.parent == folder else "rule"
        up = "../" * len(file.parent.relative_to(folder).parts)
        line = f"# yaml-language-server: $schema={up}{_SCHEMAS}/{kind}.json\n"
        _write(file, line + file.read_text(encoding="utf-8"))
    _write(folder / ".gitignore", _IGNORED)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FolderUnusable(str(file.parent), error.strerror or "it cannot be written") from error
