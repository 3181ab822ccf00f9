"""A town as a whole product: cars, people, the identity service, both flows and the outbox, and kills among them.

Its processes are forked by a nursery. Each may be given deaths, phase after phase of what happens in the town: it dies
where it is told to, in what it does, and is started again at once.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from flows.customers.expected import expected
from flows.rules.published import RuleSets
from flows.schema import Consents, Handoff, Identity, Profile, decode
from flows.topics.port import Topics
from flows.topics.sqlite import SqliteTopics
from tests.buses import Bus
from tests.integration.dying import Death, Deaths
from tests.integration.fleet import NO_MORE, Fleet
from tests.integration.hand import Hand
from tests.integration.nursery import Birth, Nursery
from tests.integration.stillness import Stillness
from tests.integration.tail import Tail

CONFIGURATION = Path(__file__).parent / "town"
T = TypeVar("T")
Sent = tuple[str, bytes, bytes]
"""A message for a topic: its key and its value."""


class Town(Fleet):
    """Made by `a_town`. `behind` (ms) is how far its clock is behind the wall clock, None for one that goes by that."""

    def __init__(
        self,
        bus: Bus,
        folder: Path,
        nursery: Nursery,
        epoch_s: float,
        *,
        database: str = "",
        configuration: Path = CONFIGURATION,
        behind: int | None = None,
        deaths: Deaths | None = None,
    ) -> None:
        more = {"TELLTALE_IDENTITY_DATABASE": database} if database else NO_MORE
        super().__init__(bus, folder, epoch_s, epoch_s, configuration=configuration, more=more)
        self.kills: list[tuple[str, Death | None]] = []
        self._nursery, self._timely = nursery, behind is None
        self.hand = Hand(folder / "hand")
        self.hand.behind = behind or 0
        self._deaths: Deaths = deaths or {}
        self._due: dict[str, list[Death]] = {}
        self._born: dict[str, tuple[int, Death | None]] = {}
        names, topics = self.names, self.topics
        self.identity = Tail(
            topics, names.identity, lambda m: (m.key or b"", decode(Identity, m.value or b""))
        )
        self.handoffs = Tail(topics, names.handoffs, lambda m: decode(Handoff, m.value or b""))
        self.profiles = Tail(topics, names.profiles, lambda m: (m.key or b"", _read(Profile, m.value)))
        self.consents = Tail(topics, names.consents, lambda m: (m.key or b"", _read(Consents, m.value)))
        own = names.identity, names.alarms, names.events, names.outcomes, names.answers, names.handoffs
        with closing(RuleSets(topics, names, self.settings.tenant)) as rules:
            rules.poll()
            self.stillness = Stillness(self, expected(rules.current, names, own, topics.partitions))
        self._as_of: int | None = None
        self._sender = self._bus(bus).writer()

    def now(self) -> int:
        """What its clocks say, ms."""
        return self.hand.now()

    def send(self, messages: Iterable[Sent], as_of: int | None = None) -> None:
        """Write messages, each partition's together, so that nobody sees a part of them.

        On the embedded bus they come at `as_of` (ms), which may be in the future.
        """
        self._as_of = as_of
        for topic, key, value in messages:
            self._sender.write(topic, value, key=key)
        self._sender.flush()

    # -- processes ------------------------------------------------------------------------------------------------

    def start(self, part: str, processes: int = 1) -> None:
        """Start a part; it may have a death before it."""
        assert processes == 1
        left = self._due.get(part) or [each for phase in self._deaths.get(part, []) for each in phase]
        death = left[0] if left else None
        birth = Birth(
            part, self._environment, str(self._log(part, 0)), str(self._folder / "hand"), death, self._timely
        )
        self._born[part] = (self._nursery.start(birth), death)

    def begin_phase(self) -> None:
        """The next deaths may come."""
        for part, phases in self._deaths.items():
            self._due[part] = phases.pop(0)
            self.hand.let_die(part, bool(self._due[part]))

    def end_phase(self) -> None:
        """Whoever has not come to where they were to die dies where they are."""
        for part in list(self._due):
            while self._due[part]:
                self._nursery.kill(self._born[part][0])
                self._has_died(part, None)

    def kill(self, part: str, which: int = 0) -> None:  # noqa: ARG002 - there is one
        """SIGKILL to a part, which is then gone."""
        self._nursery.kill(self._born.pop(part)[0])

    def ended(self) -> list[str]:
        """The parts that ended otherwise than was planned; those that died are started again."""
        wrong: list[str] = []
        for part, (process, death) in list(self._born.items()):
            code = self._nursery.ended(process)
            if code == -signal.SIGKILL and death is not None:
                self._has_died(part, death)
            elif code is not None:
                wrong.append(part)
        return wrong

    def _has_died(self, part: str, death: Death | None) -> None:
        self.kills.append((part, death))
        self._due[part].pop(0)
        self.hand.let_die(part, bool(self._due[part]))
        self.start(part)

    def stop(self) -> None:
        """End all."""
        for part in list(self._born):
            self.kill(part)
        self._sender.close()
        self.stillness.close()
        self.hand.close()
        for tail in (self.identity, self.handoffs, self.profiles, self.consents):
            tail.close()
        super().stop()

    def _bus(self, bus: Bus) -> Topics:
        """The bus by the town's own clock; on Kafka what is sent at once comes at once."""
        if bus.kind == "sqlite":
            return SqliteTopics(Path(bus.address), clock=lambda: (self._as_of or self.hand.now()) / 1000)
        return bus.open(linger_ms="300")


def _read(kind: type[T], value: bytes | None) -> T | None:
    return None if value is None else decode(kind, value)


@contextmanager
def a_town(*arguments: object, **named: object) -> Iterator[Town]:
    """A town; in the end nothing of it runs."""
    town = Town(*arguments, **named)  # type: ignore[arg-type]
    try:
        yield town
    finally:
        town.stop()
