"""telltale.toml and the TELLTALE_* environment become one frozen struct; the environment wins.

`TELLTALE_TOPICS_BOOTSTRAP_SERVERS=…` overrides `bootstrap_servers` of the table `[topics]`, and so on for every
field. Relative paths are taken from the folder of the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from flows.errors import SettingsWrong

Bus = Literal["sqlite", "kafka"]


class TopicsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bus is; `options` are passed to librdkafka as they are."""

    bus: Bus = "sqlite"
    path: str = "state/topics.db"
    bootstrap_servers: str = ""
    prefix: str = ""
    partitions: int = 4
    options: dict[str, str] = {}


class DevicesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The devices flow; `epoch_s` is how often state is put on disk, `stale_after_s` marks alarms in old readings."""

    epoch_s: float = 1.0
    recovery: str = "state/devices"
    batch: int = 4096
    stale_after_s: float = 900.0
    max_message_bytes: int = 1_048_576


class CustomersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The customers flow; `buckets` is fixed for the life of its state."""

    epoch_s: float = 1.0
    recovery: str = "state/customers"
    buckets: int = 256
    batch: int = 1000


class OutboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The outbox connector: the folder that shows what would be sent, and its ledger."""

    folder: str = "outbox"
    ledger: str = "state/outbox.db"


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Prometheus may scrape; port 0 serves nothing. Each further process takes the next port."""

    port: int = 0
    host: str = "127.0.0.1"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set; `tenant_key` is the secret that tokens of personal identifiers are made with.

    `steps` is a Python file with steps of your own for the attachment points of the flows; empty is none.
    """

    tenant: str = "default"
    tenant_key: str = ""
    streams: str = "streams.yaml"
    rules: str = "rules"
    purposes: str = "purposes.yaml"
    profile: str = "profile.yaml"
    steps: str = ""
    topics: TopicsSettings = TopicsSettings()
    devices: DevicesSettings = DevicesSettings()
    customers: CustomersSettings = CustomersSettings()
    outbox: OutboxSettings = OutboxSettings()
    metrics: MetricsSettings = MetricsSettings()
    folder: str = "."

    def path(self, name: str) -> Path:
        """A path of the settings, taken from the folder of the settings file."""
        return Path(self.folder) / name

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Settings(tenant={self.tenant!r}, folder={self.folder!r}, bus={self.topics.bus!r})"


_TABLES: dict[str, type[msgspec.Struct]] = {
    "topics": TopicsSettings,
    "devices": DevicesSettings,
    "customers": CustomersSettings,
    "outbox": OutboxSettings,
    "metrics": MetricsSettings,
}
_SCALARS = ("tenant", "tenant_key", "streams", "rules", "purposes", "profile", "steps")
_NOT_SETTINGS = ("TELLTALE_CONFIG", "TELLTALE_REQUIRE_KAFKA", "TELLTALE_SEED")


def _place(found: dict[str, Any], name: str, value: str) -> None:
    """Put one TELLTALE_ variable where it belongs."""
    rest = name.removeprefix("TELLTALE_").lower()
    if rest in _SCALARS:
        found[rest] = value
        return
    table, _, field = rest.partition("_")
    kind = _TABLES.get(table)
    if kind is None or field not in kind.__struct_fields__ or field == "options":
        known = ", ".join(f"TELLTALE_{t.upper()}_*" for t in _TABLES)
        raise SettingsWrong(f"environment variable {name}", "no such setting", f"Known are {known}.")
    found.setdefault(table, {})[field] = value


def load_settings(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the file (None or absent: defaults) and lay the environment over it; raises SettingsWrong."""
    found: dict[str, Any] = {}
    folder = Path.cwd() if file is None else file.parent
    if file is not None and file.exists():
        try:
            found = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsWrong(str(file), f"not TOML ({error})", "Mend the line it names.") from error
    for name, value in environment.items():
        if name.startswith("TELLTALE_") and name not in _NOT_SETTINGS:
            _place(found, name, value)
    found["folder"] = str(folder)
    try:
        settings = msgspec.convert(found, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsWrong(
            str(file or "settings"), str(error), "See the README's table of settings."
        ) from error
    if settings.topics.bus == "kafka" and not settings.topics.bootstrap_servers:
        raise SettingsWrong(
            str(file or "settings"),
            "the bus is kafka, but topics.bootstrap_servers is empty",
            "Set it, or TELLTALE_TOPICS_BOOTSTRAP_SERVERS, to host:port of a broker.",
        )
    return settings
