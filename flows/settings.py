"""telltale.toml and the TELLTALE_* environment become one frozen struct; the environment wins.

`TELLTALE_TOPICS_BOOTSTRAP_SERVERS=…` overrides `bootstrap_servers` of the table `[topics]`, and so on for every
field. Relative paths are taken from the folder of the file. `setting_values` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from flows.errors import Finding, SettingsWrong
from flows.setting_values import read_values

Bus = Literal["sqlite", "kafka"]
Some = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Port = Annotated[int, Meta(ge=0, le=65535)]


class TopicsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bus is."""

    bus: Annotated[Bus, Meta(description="Which bus: a file of this machine, or a cluster.")] = "sqlite"
    path: Annotated[str, Meta(description="The file of the bus `sqlite`.")] = "state/topics.db"
    bootstrap_servers: Annotated[
        str, Meta(description="With `kafka`: `host:port` of one broker or more.")
    ] = ""
    prefix: Annotated[
        str,
        Meta(
            description="Stands before each topic and each group, so that several installations share a cluster."
        ),
    ] = ""
    partitions: Annotated[
        Some, Meta(description="Of topics that are created here; how far a flow can be divided.")
    ] = 4
    options: Annotated[
        dict[str, str], Meta(description="Passed to librdkafka as they are, e.g. `security.protocol`.")
    ] = {}


class DevicesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The devices flow."""

    epoch_s: Annotated[Seconds, Meta(description="How often, in seconds, state is put on disk.")] = 1.0
    recovery: Annotated[str, Meta(description="The folder of its state.")] = "state/devices"
    batch: Annotated[Some, Meta(description="Readings taken at once, at most.")] = 4096
    stale_after_s: Annotated[
        Seconds, Meta(description="An alarm found in readings older than so many seconds is marked stale.")
    ] = 900.0
    max_message_bytes: Annotated[Some, Meta(description="A longer message is a dead letter.")] = 1_048_576


class CustomersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The customers flow."""

    epoch_s: Annotated[Seconds, Meta(description="How often, in seconds, state is put on disk.")] = 1.0
    recovery: Annotated[str, Meta(description="The folder of its state.")] = "state/customers"
    buckets: Annotated[
        Some, Meta(description="Into how many parts customers are divided; fixed for the life of the state.")
    ] = 256
    batch: Annotated[Some, Meta(description="Messages taken at once, at most.")] = 4096


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The identity service."""

    database: Annotated[
        str,
        Meta(
            description="Where evidence and vault are: `sqlite:///file` or `postgresql+psycopg://user@host/name`."
        ),
    ] = "sqlite:///state/identity.db"
    vault_key: Annotated[
        str, Meta(description="The secret that the vault's keys are sealed with; keep it outside the file.")
    ] = ""
    batch: Annotated[Some, Meta(description="Messages taken in one transaction, at most.")] = 4096


class LookUpsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process that asks other systems."""

    at_once: Annotated[Some, Meta(description="How many questions may be under way.")] = 32


class OutboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connector that shows what would be sent."""

    folder: Annotated[str, Meta(description="Where it writes what would be sent.")] = "outbox"
    ledger: Annotated[
        str, Meta(description="The file in which it notes what is done, so that nothing is done twice.")
    ] = "state/outbox.db"


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Prometheus may scrape."""

    port: Annotated[
        Port,
        Meta(
            description="Where Prometheus may scrape; 0 is nowhere. Each further process takes the next free one."
        ),
    ] = 0
    host: Annotated[str, Meta(description="The address it listens at.")] = "127.0.0.1"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set; what a setting means stands at it, for the reference page too."""

    tenant: Annotated[str, Meta(description="Whose installation it is; part of every id.")] = "default"
    tenant_key: Annotated[
        str, Meta(description="The secret that tokens of personal identifiers are made with.")
    ] = ""
    streams: Annotated[str, Meta(description="The file of streams and events.")] = "streams.yaml"
    rules: Annotated[str, Meta(description="The folder of the rules.")] = "rules"
    purposes: Annotated[str, Meta(description="The file of the purposes.")] = "purposes.yaml"
    profile: Annotated[str, Meta(description="The file that says what is known of a customer.")] = (
        "profile.yaml"
    )
    sources: Annotated[str, Meta(description="The file of the source systems.")] = "sources.yaml"
    matching: Annotated[str, Meta(description="The file that says when two handles are one person.")] = (
        "identity.yaml"
    )
    look_ups: Annotated[str, Meta(description="The file of the systems that rules may ask.")] = (
        "look_ups.yaml"
    )
    steps: Annotated[str, Meta(description="A Python file with steps of your own; empty is none.")] = ""
    topics: TopicsSettings = TopicsSettings()
    devices: DevicesSettings = DevicesSettings()
    customers: CustomersSettings = CustomersSettings()
    identity: IdentitySettings = IdentitySettings()
    look_up: LookUpsSettings = LookUpsSettings()
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
                known[field.name, below.name] = dict if get_origin(_plain(below.type)) is dict else below.type
        elif field.name != "folder":
            known[field.name,] = kind
    return known


def _plain(kind: Any) -> Any:
    """A type without what is said of it."""
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
