"""Taking up files when they are saved: what was changed well is published, what was not is told, and the old stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from flows.engine.clock import wall_clock
from flows.errors import RulesWrong, TelltaleError
from flows.provision import create_topics
from flows.rules.difference import changes
from flows.rules.load import Configuration, load_configuration
from flows.rules.published import publish
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.open import open_topics

_MOST_SHOWN = 10

Stamps = dict[Path, tuple[int, int]]
"""When each file was written last (ns) and how long it is (bytes)."""


class Reload:
    """Looks at the files of a configuration whenever it is asked to, best once a second.

    `file` is that of the settings; `number` and `configuration` are in force. `say` is told what came of a change.
    A file is read when it stayed the same for one look, so that none is read half written.
    """

    def __init__(
        self,
        settings: Settings,
        file: Path,
        configuration: Configuration,
        number: int,
        say: Callable[[str], None],
    ) -> None:
        self._settings, self._file, self._number, self._say = settings, file, number, say
        self._configuration = self._running = configuration
        self._taken: Stamps = self._stamps()
        self._seen: Stamps = self._taken

    def look(self) -> None:
        """See whether something was saved, and take it up."""
        stamps = self._stamps()
        if stamps != self._taken and stamps == self._seen:
            changed = {path for path in stamps | self._taken if stamps.get(path) != self._taken.get(path)}
            self._taken = stamps
            self._take_up(changed)
        self._seen = stamps

    def _stamps(self) -> Stamps:
        """Every file as it stands now; those that are missing are left out."""
        found: Stamps = {}
        for path in self._files():
            try:
                known = path.stat()
            except OSError:
                continue
            found[path] = (known.st_mtime_ns, known.st_size)
        return found

    def _files(self) -> Iterator[Path]:
        """All that a configuration is read from."""
        settings = self._settings
        yield self._file
        for name in (settings.streams, settings.purposes, settings.profile, settings.steps):
            if name:
                yield settings.path(name)
        yield from settings.path(settings.rules).glob("[!.]*.y*ml")

    def _take_up(self, changed: set[Path]) -> None:
        """Publish what the files say now, or say why not."""
        steps = self._settings.path(self._settings.steps) if self._settings.steps else None
        apart = {path for path in (self._file, steps) if path is not None and path in changed}
        for path in sorted(apart):
            self._say(f"{path.name} was saved: it counts when `telltale run` is started again.")
        if changed == apart:
            return
        try:
            configuration = load_configuration(self._settings)
            number = self._publish(configuration)
        except RulesWrong as wrong:
            said = "\n".join(_mistakes(wrong, changed))
            self._say(f"What was saved cannot be used, and rule set {self._number} stays in force:\n{said}")
            return
        except TelltaleError as error:
            self._say(f"What was saved could not be published: {error}")
            return
        if number == self._number:
            self._say(f"What was saved means the same: rule set {number} stays in force.")
        else:
            found = changes(self._configuration.documents, configuration.documents)
            said = [f"  {line}" for line in _first(found)]
            self._say("\n".join((f"Rule set {number} is in force:", *said)))
        for stream in sorted({name for name, _ in _read(configuration) ^ _read(self._running)}):
            self._say(f"Which topic the stream {stream!r} has counts when `telltale run` is started again.")
        self._configuration, self._number = configuration, number

    def _publish(self, configuration: Configuration) -> int:
        """The number of the set that holds the configuration; topics it needs are created."""
        topics = open_topics(self._settings)
        try:
            create_topics(self._settings, configuration, topics)
            names = TopicNames(self._settings.topics.prefix)
            return publish(topics, names, configuration, self._settings.tenant, wall_clock)
        finally:
            topics.close()


def _mistakes(wrong: RulesWrong, changed: Iterable[Path]) -> Iterator[str]:
    """Those in the files that were saved, for one there makes many elsewhere; all of them if there are none."""
    saved = {str(path) for path in changed}
    mine = [finding for finding in wrong.findings if finding.file in saved] or wrong.findings
    yield from map(str, mine[:_MOST_SHOWN])
    more = len(wrong.findings) - len(mine[:_MOST_SHOWN])
    if more:
        yield f"And {more} more, of which some may come of it: see `telltale rules check`."


def _first(lines: Sequence[str]) -> Iterator[str]:
    """The first lines, and how many more there are."""
    yield from lines[:_MOST_SHOWN]
    if len(lines) > _MOST_SHOWN:
        yield f"and {len(lines) - _MOST_SHOWN} more"


def _read(configuration: Configuration) -> set[tuple[str, str]]:
    """What a running flow was started for and does not change by itself: each stream with its topic."""
    return {(stream.name, stream.topic) for stream in configuration.streams.values()}
