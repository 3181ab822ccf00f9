"""telltale.toml and the TELLTALE_* environment become one frozen struct; the environment wins.

`TELLTALE_TOPICS_BOOTSTRAP_SERVERS=…` overrides `bootstrap_servers` of the table `[topics]`, and so on for every
field. Relative paths are taken from the folder of the file. `setting_values` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

import msgspec

from flows.errors import Finding, SettingsWrong
from flows.setting_values import read_values

Bus = Literal["sqlite", "kafka"]
Some = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class TopicsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bus is; `options` are passed to librdkafka as they are."""

    bus: Bus = "sqlite"
    path: str = "state/topics.db"
    bootstrap_servers: str = ""
    prefix: str = ""
    partitions: Some = 4
    options: dict[str, str] = {}


class DevicesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The devices flow; `epoch_s` is how often state is put on disk, `stale_after_s` marks alarms in old readings."""

    epoch_s: Seconds = 1.0
    recovery: str = "state/devices"
    batch: Some = 4096
    stale_after_s: Seconds = 900.0
    max_message_bytes: Some = 1_048_576


class CustomersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The customers flow; `buckets` is fixed for the life of its state."""

    epoch_s: Seconds = 1.0
    recovery: str = "state/customers"
    buckets: Some = 256
    batch: Some = 1000


class OutboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The outbox connector: the folder that shows what would be sent, and its ledger."""

    folder: str = "outbox"
    ledger: str = "state/outbox.db"


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Prometheus may scrape; port 0 serves nothing. Each further process takes the next port."""

    port: Port = 0
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


class SettingsFound(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, and by dotted name where each that is not a default comes from: `file:line` or a variable."""

    settings: Settings
    origins: dict[str, str]


def load_settings(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the file (None or absent: defaults) and lay the environment over it; raises SettingsWrong."""
    return find_settings(file, environment).settings


def find_settings(file: Path | None, environment: Mapping[str, str]) -> SettingsFound:
    """The settings with their origins; raises SettingsWrong with all mistakes of file and environment."""
    read = read_values(file, environment, known_settings())
    found: dict[str, Any] = {}
    for name, value in read.values.items():
        if len(name) == 1:
            found[name[0]] = value
        else:
            found.setdefault(name[0], {})[name[1]] = value
    folder = Path.cwd() if file is None else file.parent
    # What is wrong was left out, so that the whole can still be looked at.
    settings = msgspec.convert({**found, "folder": str(folder)}, Settings)
    if settings.topics.bus == "kafka" and not settings.topics.bootstrap_servers and not read.findings:
        where = read.origins["topics", "bus"]
        message = "the bus is kafka, but topics.bootstrap_servers is empty"
        mend = "Set it, or TELLTALE_TOPICS_BOOTSTRAP_SERVERS, to host:port of a broker."
        read.findings.append(Finding(where, 0, 0, "", message, mend))
    if read.findings:
        raise SettingsWrong(read.findings)
    return SettingsFound(
        settings=settings, origins={".".join(name): origin for name, origin in read.origins.items()}
    )


def known_settings() -> dict[tuple[str, ...], Any]:
    """The type of everything that can be set, by its path; `dict` is a table of names of one's own."""
    known: dict[tuple[str, ...], Any] = {}
    for field in msgspec.structs.fields(Settings):
        kind: Any = field.type
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            for below in msgspec.structs.fields(kind):
                known[field.name, below.name] = dict if get_origin(below.type) is dict else below.type
        elif field.name != "folder":
            known[field.name,] = kind
    return known
