"""Every error Telltale raises on purpose; the message a user reads stands here and nowhere else.

Each class carries what it needs to say what is wrong, where, and how to mend it. The command line prints
`str(error)` as one plain paragraph and leaves with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class TelltaleError(Exception):
    """The base of all errors that are meant to be read by a user."""

    exit_code = 2


class WrongInput(TelltaleError):
    """Something a person wrote is wrong: a file, a flag, a setting."""

    exit_code = 2


class Unreachable(TelltaleError):
    """Something outside this process does not answer."""

    exit_code = 3


class TopicMissing(WrongInput):
    """A topic that is needed does not exist."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        super().__init__(f"The topic {topic!r} does not exist. Create it with `telltale topics create`.")


class TooFewPartitions(WrongInput):
    """A topic exists, but with fewer partitions than are needed."""

    def __init__(self, topic: str, has: int, needs: int) -> None:
        self.topic = topic
        super().__init__(
            f"The topic {topic!r} has {has} partitions and needs {needs}. "
            "Add partitions to it with your broker's tools, or create it anew with `telltale topics create`."
        )


class OffsetExpired(WrongInput):
    """Retention has removed messages that were not yet read."""

    def __init__(self, topic: str, partition: int, wanted: int, low: int) -> None:
        self.topic, self.partition, self.wanted, self.low = topic, partition, wanted, low
        super().__init__(
            f"{topic}/{partition}: offset {wanted} is wanted, but retention has left only {low} and later: "
            f"{low - wanted} messages are gone. To go on from {low} and accept that, remove the recovery "
            "directory of this flow; to keep the state, restore the topic."
        )


class BrokerUnreachable(Unreachable):
    """The Kafka broker does not answer."""

    def __init__(self, servers: str, reason: str) -> None:
        super().__init__(
            f"No Kafka broker answers at {servers} ({reason}). "
            "Check `topics.bootstrap_servers` in telltale.toml or TELLTALE_TOPICS_BOOTSTRAP_SERVERS."
        )


class DeliveryFailed(Unreachable):
    """A message could not be written, and waiting will not mend it."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"A message for the topic {topic!r} was refused: {reason}.")


class StateUnreadable(WrongInput):
    """A snapshot was written by a version that this one cannot read."""

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"The saved state of {what} has format {found}, and this version reads formats up to {known}. "
            "Run the version that wrote it, or remove the recovery directory and start from the topics."
        )


class ExpressionWrong(WrongInput):
    """An expression of a rule cannot be used; `column` counts from 1 within its text."""

    def __init__(self, text: str, column: int, what: str, hint: str, where: str = "expression") -> None:
        self.text, self.column, self.what, self.hint = text, column, what, hint
        shown = text if len(text) <= 80 else text[:77] + "..."
        super().__init__(f"{where}: {what}, at column {column} of `{shown}`. {hint}")


class OffsetAhead(WrongInput):
    """An offset is wanted that the topic has not reached, so it is not the topic it was."""

    def __init__(self, topic: str, partition: int, wanted: int, end: int) -> None:
        self.topic, self.partition, self.wanted, self.end = topic, partition, wanted, end
        super().__init__(
            f"{topic}/{partition}: offset {wanted} is wanted, but the topic ends at {end}: it was made anew, was "
            "restored from an older copy, or is on another bus. Restore it whole, or remove the recovery "
            "directory of this flow to start with the topic as it is."
        )


class TopicsFileUnusable(Unreachable):
    """The file of the embedded topics cannot be opened."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"The topics file {path} cannot be used ({reason}). Check its directory, rights and free space, or "
            "name another file as `topics.path` in telltale.toml."
        )


class BrokerRefused(Unreachable):
    """The Kafka broker answers, and says no."""

    def __init__(self, servers: str, reason: str) -> None:
        super().__init__(
            f"The Kafka broker at {servers} refuses: {reason}. Check the user's rights there, and "
            "`topics.options` in telltale.toml."
        )


class ArchiveUnreadable(WrongInput):
    """An archive is missing, cut off, corrupt or holds a line beyond all measure; `line` whole ones come before."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        self.path, self.line, self.reason = path, line, reason
        if line:
            where, mend = (
                f"{path}:{line + 1}",
                "What stands before that line is good; write the archive anew.",
            )
        else:
            where, mend = path, "Nothing of it could be read; give the right file, or write the archive anew."
        super().__init__(f"{where}: {reason}. {mend}")


class ArchiveDisordered(WrongInput):
    """Something in an archive is older than what was played already, further back than is looked ahead."""

    def __init__(self, path: str, line: int, at: int, reached: int, ahead: int) -> None:
        self.path, self.line = path, line
        super().__init__(
            f"{path}:{line}: what is said there is {(reached - at) / 1000:.0f} s older than what was played already, "
            f"and lies more than {ahead} lines after its place. What stands before it was played; sort the archive by "
            "time."
        )


class AnswersWrong(WrongInput):
    """A file of answers to look-ups cannot be read; line 0 is the file as a whole."""

    def __init__(self, path: str, line: int, what: str) -> None:
        where = f"{path}:{line}" if line else path
        super().__init__(
            f'{where}: {what}. Give JSON objects, one a line, such as {{"source": "inventory", "key": "sku-1", '
            '"values": {"available": 3}}.'
        )


class CsvHeaderWrong(WrongInput):
    """The header of a CSV archive cannot be used."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            f"{path}:1: the header {what}. Write the names of the columns into the first line, each once, "
            "separated by commas, semicolons or tabs."
        )


class CsvColumnMissing(WrongInput):
    """A CSV archive lacks columns that its stream declares; `hint` names the nearest of the first, or all there are."""

    def __init__(self, path: str, stream: str, columns: Iterable[str], hint: str) -> None:
        self.columns = tuple(columns)
        shown = ", ".join(map(repr, self.columns))
        super().__init__(
            f"{path}:1: the header lacks {shown}, which the stream {stream!r} declares. {hint} Say in streams.yaml "
            "where the values stand (`from:`, or `key:` and `time:`), or remove what this archive does not have."
        )


class NothingToInfer(WrongInput):
    """An archive holds nothing from which a stream could be told."""

    def __init__(self, path: str, broken: int, what: str) -> None:
        found = f"{broken} lines, but no whole {what}" if broken else f"no {what} at all"
        super().__init__(
            f"{path}: it holds {found}. Give JSON objects, one a line, or a table as .csv whose first line names "
            "the columns."
        )


class InferenceFailed(WrongInput):
    """What an archive is cannot be told without a word from who knows it."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            f"{path}: {what}. Say which column is what with --time, --key or --shape; a time is a number, or a text "
            "such as 2024-05-31T08:30:00Z or 2024-05-31 08:30:00."
        )


class ArchiveUnwritable(WrongInput):
    """An archive cannot be written as asked."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(
            f"{path}: {reason} (after {line} lines). Give another path, or mend what is written."
        )


class ThingsWrong(WrongInput):
    """A file of attributes of devices cannot be read; line 0 is the file as a whole."""

    def __init__(self, path: str, line: int, what: str) -> None:
        where = f"{path}:{line}" if line else path
        super().__init__(
            f'{where}: {what}. Give JSON objects, one a line, such as {{"device": "veh-1", "hot_c": 105}}, '
            "or a .csv whose header has a column `device`."
        )


class ZstandardMissing(WrongInput):
    """A .zst archive was named, but the optional library that reads it is not installed."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path}: reading and writing .zst needs zstandard, which is not installed. "
            "Install it with `pip install 'telltale-flows[archives]'`, or use .jsonl or .jsonl.gz."
        )


class PlanWrong(WrongInput):
    """A simulation plan cannot hold what it is asked to plant."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"The simulation cannot be planned so: {what}. {mend}")


class MetricsPortsTaken(WrongInput):
    """No port is free for the metrics."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"The metrics cannot be served on {host} from port {port} on ({reason}). "
            "Set `metrics.port` or `metrics.host` in telltale.toml to what is free here, or the port to 0 for none."
        )


class Finding(msgspec.Struct, frozen=True, order=True):
    """One mistake in a file; `line` and `column` count from 1 (0: no text to point at)."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str

    def __str__(self) -> str:
        """`file:line:column: path: message. hint`."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f"{self.path}: " if self.path else ""
        return f"{place}: {path}{self.message}. {self.hint}".rstrip()


class RulesWrong(WrongInput):
    """Rules, streams, purposes or the profile cannot be used; `findings` are all mistakes of all files."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(set(findings)))
        super().__init__("\n".join(str(finding) for finding in self.findings))


class SettingsWrong(WrongInput):
    """The settings cannot be used as they are; `findings` are all mistakes of file and environment."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        # Those of the file first, then those of the environment.
        self.findings = tuple(sorted(set(findings), key=lambda finding: (finding.line == 0, finding)))
        super().__init__("\n".join(str(finding) for finding in self.findings))


class PublishedNotFolded(TelltaleError):
    """An epoch ended before the published decisions were handed out, so others could be read before them."""

    def __init__(self, topic: str, partition: int) -> None:
        super().__init__(
            f"{topic}/{partition}: an epoch ended before the published decisions were folded in. "
            "Start again; if it comes back, raise `customers.epoch_s`."
        )


class LedgerInUse(WrongInput):
    """Another process works with this connector's ledger."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The ledger {path} is in use: another process runs this connector. "
            "Stop that one, or name another file in telltale.toml."
        )


class LedgerUnusable(Unreachable):
    """A connector's ledger cannot be opened or read."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"The ledger {path} cannot be used ({reason}). Check its directory, rights and free space; "
            "it knows what was already sent, so restore it from a copy rather than remove it."
        )


class OutboxUnwritable(Unreachable):
    """A file of the outbox cannot be written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"The outbox file {path} cannot be written ({reason}). Check `outbox.folder` in telltale.toml, its "
            "rights and free space, and start the connector again: nothing is lost."
        )


class RuleSetMissing(WrongInput):
    """A rule set is needed that the topic of the rules does not hold."""

    def __init__(self, topic: str, tenant: str, number: int | None) -> None:
        which = "no rule set" if number is None else f"no rule set {number}"
        super().__init__(
            f"The topic {topic!r} holds {which} of the tenant {tenant!r}. "
            "Publish one with `telltale rules publish DIR`."
        )


class RuleSetTooBig(WrongInput):
    """A rule set does not fit into one message."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(
            f"The rule set takes {size} bytes, and a message may take {most}. "
            "Remove rules or tests, or share them among several tenants."
        )


class SettingsMissing(WrongInput):
    """The settings file that was named does not exist."""

    def __init__(self, path: str) -> None:
        super().__init__(f"There is no settings file {path}. Name another with --config or TELLTALE_CONFIG.")


class TopicsFileMissing(WrongInput):
    """Something is to be read from embedded topics that nobody has made yet."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There are no topics yet: the file {path} does not exist. Create it with `telltale topics create` or "
            "`telltale run`, or name the settings that know another with --config."
        )


class NameUnknown(WrongInput):
    """A name given on the command line is not one of those there are; `hint` names the nearest or all."""

    def __init__(self, what: str, name: str, hint: str) -> None:
        self.name = name
        super().__init__(f"There is no {what} {name!r}. {hint}".rstrip())


class ArgumentWrong(WrongInput):
    """An argument on the command line cannot be used."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}. {mend}")


class FolderTaken(WrongInput):
    """A folder is to be made anew, but it holds something that is not ours to remove."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} exists and was not made by this command. Name another folder with --folder."
        )


class FolderUnusable(WrongInput):
    """A folder cannot take a new configuration."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path} cannot take a new configuration: {what}. Name a new or an empty folder.")


class ProcessEnded(TelltaleError):
    """A process that should go on has ended; `exit_code` is 2 when it said that its input is wrong, else 3.

    `shown` says that its lines were shown already.
    """

    def __init__(self, name: str, code: int, lines: Iterable[str], shown: bool = False) -> None:
        self.exit_code = 2 if code == 2 else 3
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        said = "".join(f"\n  {line}" for line in lines)
        if not said:
            said = " It said nothing."
        else:
            said = " What it said stands above." if shown else f" Its last lines:{said}"
        mend = "mend that and start again" if code == 2 else "start again to go on"
        super().__init__(f"The process {name!r} {how}, so all were stopped; {mend}.{said}")


class ProcessSilent(Unreachable):
    """Processes were waited for and did not do what they should in time."""

    def __init__(self, what: str, seconds: float, where: str) -> None:
        super().__init__(f"{what} within {seconds:g} s. What the processes said stands in {where}.")


class FlowFailed(TelltaleError):
    """A flow stopped on an error that nobody foresaw; the log has it whole."""

    exit_code = 3

    def __init__(self, flow: str, reason: str) -> None:
        super().__init__(
            f"The {flow} flow stopped on an error: {reason}. Its state is safe; start it again, and if it stops "
            "again, the log above tells in which step."
        )


class StepsUnreadable(WrongInput):
    """A file with steps of one's own cannot be used; `line` None when no line of it is to blame."""

    def __init__(self, file: str, line: int | None, what: str, mend: str) -> None:
        self.file, self.line = file, line
        super().__init__(f"{file}{'' if line is None else f':{line}'}: {what}. {mend}")


class StepFailed(TelltaleError):
    """A step of one's own could not take an item in a test, where it is told and not kept as a dead letter."""


class FileUnwritable(WrongInput):
    """A file that a person named cannot be written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} cannot be written: {reason}. Name another file, or make room for this one.")


class IdentityUnreachable(Unreachable):
    """The database of the identity service does not answer."""

    def __init__(self, url: str, reason: str) -> None:
        said = " ".join(reason.split())
        super().__init__(
            f"The identity database {url} cannot be used ({said}). Check that it runs, its rights and free space, or "
            "name another one as `identity.database` in telltale.toml."
        )


class BaseMissing(WrongInput):
    """What changed in a bucket of customers was saved, but not what it changed."""

    def __init__(self, wanted: int, found: int) -> None:
        super().__init__(
            f"The saved changes of some customers belong to generation {wanted} of their base, and the recovery "
            f"directory holds generation {found}. It is damaged: put back a whole copy of it, or remove it and start "
            "from the topics."
        )


class VaultKeyMissing(WrongInput):
    """Personal values are to be kept, but there is no secret to seal them with, or it is too short to be one."""

    def __init__(self, length: int, least: int) -> None:
        what = "is empty" if not length else f"has {length} characters"
        super().__init__(
            f"`identity.vault_key` {what}, and what names people is kept sealed only. Make a secret of at least "
            f"{least} characters, for example with `openssl rand -hex 32`, give it as TELLTALE_IDENTITY_VAULT_KEY, "
            "and keep it safe: without it nothing that was sealed can be read again."
        )


class VaultKeyWrong(WrongInput):
    """The keys of customers were sealed with another secret."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        super().__init__(
            f"The key of {customer} does not open: the vault was sealed with another `identity.vault_key`. Set "
            "TELLTALE_IDENTITY_VAULT_KEY to the one that it was made with."
        )


class VaultUnreadable(WrongInput):
    """Something sealed was changed, or stands where it does not belong."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"What the vault keeps of {place} does not open: it was changed, or put there from elsewhere. Restore "
            "the identity database from a copy."
        )


class LookUpsMissing(WrongInput):
    """Whoever is to ask other systems knows of none."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"There is no system to ask: {file} declares none. Declare one under `look_ups:`, or leave this "
            "process away."
        )


class IdentityMissing(WrongInput):
    """The identity service has not kept anything yet."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There is no identity database at {path}. `telltale run identity` makes it from the topic "
            "`source-records`; if it lies elsewhere, name it as `identity.database` in telltale.toml."
        )


class RecoveryUnusable(Unreachable):
    """The recovery store of a flow cannot be read."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"The recovery store {path} cannot be used ({reason}). Check its directory, rights and free space; it "
            "holds the state of the flow, so put back a copy of it rather than remove it."
        )


class IdentityUrlWrong(WrongInput):
    """What the settings name as the identity database is no URL of one."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"`identity.database` names no database: {reason}. Write sqlite:///state/identity.db or "
            "postgresql+psycopg://user@host/name."
        )


class IdentityNewer(WrongInput):
    """The identity database was written by a newer version."""

    def __init__(self, url: str, found: str, known: str) -> None:
        super().__init__(
            f"The identity database {url} has tables of version {found}, and this version knows them up to {known}. "
            "Run the version that wrote it, or a newer one."
        )


class IdentityOfOther(WrongInput):
    """The identity database belongs to another tenant."""

    def __init__(self, url: str, found: str, tenant: str) -> None:
        super().__init__(
            f"The identity database {url} belongs to the tenant {found!r}, and the settings name {tenant!r}. Name a "
            "database of its own as `identity.database`, or set `tenant` right."
        )


class IdentityInUse(WrongInput):
    """Another process writes to the identity database."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"Another process writes to the identity database {url}, and two would undo each other. Stop the other "
            "`telltale run identity`, or name another database as `identity.database`."
        )
