"""`telltale run`: the flows and connectors, each a process of its own under one that watches over them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from flows.cli.options import Config, answering, bus_of, names_of, settings_file, settings_of
from flows.cli.show import say
from flows.errors import ArgumentWrong, FlowFailed, NameUnknown, TelltaleError
from flows.hints import did_you_mean
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.metrics import Metrics
    from flows.reload import Reload
    from flows.topics.port import Topics

PARTS = ("devices", "customers", "identity", "look-ups", "connector")
CONNECTORS = ("outbox",)
_MOST_PROCESSES = 64
_LOOK_S = 1.0


def run(
    part: Annotated[
        str | None,
        typer.Argument(
            metavar="PART", help="devices, customers, identity, look-ups or connector; else all but the last."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which connector: outbox.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The flows and every connector.")] = False,
    processes: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=_MOST_PROCESSES, help="Among how many the devices flow is divided."
        ),
    ] = 1,
    reload: Annotated[
        bool | None,
        typer.Option(
            "--reload/--no-reload",
            help="Take up saved files at once; so it is on the embedded bus.",
            show_default=False,
        ),
    ] = None,
    process: Annotated[int | None, typer.Option("--process-id", hidden=True)] = None,
    addresses: Annotated[str, typer.Option(hidden=True)] = "",
    config: Config = None,
) -> None:
    """Run flows, identity and connectors until Ctrl-C.

    Without a part the rules of the files are published first, and again whenever they are saved; identity runs where
    sources or matching rules are declared, look-ups where systems are that can be asked.
    """
    _check(part, name, everything)
    if part is not None and reload:
        raise ArgumentWrong("Only who runs both flows publishes rules", f"Leave --reload away, or {part!r}.")
    settings, file = settings_of(config), settings_file(config)
    if process is not None:
        _run_here(settings, part or "", process, addresses)
        return
    watched: Reload | None = None
    beside = (part,) if part in ("identity", "look-ups") else ()
    if part is None:
        watched, beside = _publish(settings, file)
        if not (settings.topics.bus == "sqlite" if reload is None else reload):
            watched = None
    elif part != "connector":
        _check_provided(settings)
    _watch_over(_arguments(part, name, everything, processes, beside), file, watched)


def _publish(settings: Settings, file: Path) -> tuple[Reload, tuple[str, ...]]:
    """Put the files in force; returns what sees to it that they stay so, and which parts they need beside the flows."""
    from flows.provision import publish_rules
    from flows.reload import Reload
    from flows.rules.load import load_configuration

    configuration = load_configuration(settings)
    with answering(settings):
        number = publish_rules(settings)
    say(f"Rule set {number} is in force.")
    needed = {
        "identity": configuration.sources.systems or configuration.identity.match,
        "look-ups": configuration.look_ups,
    }
    beside = tuple(name for name, declared in needed.items() if declared)
    return Reload(settings, file, configuration, number, say), beside


def _check(part: str | None, name: str | None, everything: bool) -> None:
    """Raises NameUnknown and ArgumentWrong for what cannot be run."""
    if part is not None and part not in PARTS:
        raise NameUnknown("part", part, did_you_mean(part, PARTS))
    if part is not None and everything:
        raise ArgumentWrong("--all runs every part", f"Leave --all away, or {part!r}.")
    if part == "connector":
        if name is None:
            raise ArgumentWrong(
                "Which connector is meant must be said", f"Name one: {', '.join(CONNECTORS)}."
            )
        if name not in CONNECTORS:
            raise NameUnknown("connector", name, did_you_mean(name, CONNECTORS))
    elif name is not None:
        raise ArgumentWrong(f"{part!r} takes no name", f"Leave {name!r} away.")


def _check_provided(settings: Settings) -> None:
    """Raises TopicsFileMissing, TopicMissing or RuleSetMissing before a process takes the time to start."""
    from flows.rules.published import RuleSets

    with bus_of(settings) as topics:
        sets = RuleSets(topics, names_of(settings), settings.tenant)
        try:
            sets.poll()
            _ = sets.current
        finally:
            sets.close()


def _arguments(
    part: str | None, name: str | None, everything: bool, processes: int, beside: tuple[str, ...]
) -> dict[str, list[str]]:
    """The arguments of each child, by its name."""
    found: dict[str, list[str]] = {}
    if part in (None, "devices"):
        known = _addresses(processes)
        for i in range(processes):
            called = "devices" if processes == 1 else f"devices-{i}"
            found[called] = ["devices", "--process-id", str(i), "--addresses", ";".join(known)]
    if part in (None, "customers"):
        found["customers"] = ["customers", "--process-id", "0"]
    for each in beside:
        found[each] = [each, "--process-id", "0"]
    wanted = CONNECTORS if everything else (name,) if part == "connector" and name else ()
    for connector in wanted:
        found[connector] = ["connector", connector, "--process-id", "0"]
    return found


def _addresses(processes: int) -> list[str]:
    """Free ports of this machine for processes that know each other; none for one alone."""
    if processes == 1:
        return []
    held: list[socket.socket] = []
    for _ in range(processes):
        held.append(socket.socket())
        held[-1].bind(("127.0.0.1", 0))
    found = [f"127.0.0.1:{each.getsockname()[1]}" for each in held]
    for each in held:
        each.close()
    return found


class Process(Protocol):
    """What runs until it is told to stop."""

    def __call__(
        self,
        settings: Settings,
        topics: Topics,
        clock: Callable[[], int],
        stop: threading.Event,
        *,
        metrics: Metrics,
    ) -> None:
        """Run; `clock` gives the wall clock in ms."""
        ...


class _Stopped(BaseException):
    """Somebody asked this process to stop by SIGTERM."""


def _watch_over(children: dict[str, list[str]], file: Path, watched: Reload | None) -> None:
    """Run the children until one ends or somebody says stop; raises ProcessEnded."""
    from flows.children import Children
    from flows.cli.logs import hand_on

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a signal hands over
        raise _Stopped

    signal.signal(signal.SIGTERM, stop)
    try:
        with Children(hand_on(), shown=True) as running:
            for called, arguments in children.items():
                running.start(called, ["run", *arguments, "--config", str(file.absolute())])
            at_once = "" if watched is None else " Saved files count at once."
            say(f"Running {', '.join(children)}.{at_once} Ctrl-C stops.")
            while True:
                running.wait(None if watched is None else _LOOK_S)
                if watched is not None:
                    watched.look()
    except KeyboardInterrupt:
        say("Stopped.")
        raise typer.Exit(130) from None
    except _Stopped:
        say("Stopped.")


def _run_here(settings: Settings, part: str, process: int, addresses: str) -> None:
    """Run one part in this process until it is told to stop."""
    from flows.children import end_with_parent

    if not sys.stdin.isatty():
        end_with_parent()
    if part == "connector":
        _run_connector(settings)
        return
    if part == "identity":
        _run_identity(settings)
        return
    if part == "look-ups":
        _run_look_ups(settings)
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _run_flow(settings, part, process, addresses.split(";") if addresses else None)


def _run_flow(settings: Settings, flow: str, process: int, addresses: list[str] | None) -> None:
    """Run a flow until it is killed; raises the error of ours that stopped it, or FlowFailed."""
    from bytewax.errors import BytewaxRuntimeError

    from flows import processes

    try:
        if flow == "devices":
            processes.run_devices(settings, process if addresses else None, addresses)
        else:
            processes.run_customers(settings)
    except BytewaxRuntimeError as error:
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, TelltaleError):
            cause = cause.__cause__
        if isinstance(cause, TelltaleError):
            raise cause from error
        raise FlowFailed(flow, f"{type(cause).__name__}: {cause}") from error


def _run_connector(settings: Settings) -> None:
    """The outbox, until SIGTERM or SIGINT."""
    from connectors.outbox import run_outbox

    _run_until_stopped(settings, run_outbox)


def _run_identity(settings: Settings) -> None:
    """The identity service, until SIGTERM or SIGINT."""
    import gc

    from flows.identity.service import run_identity

    # A batch makes a hundred thousand objects in no cycles: to look for some costs a fifth of its time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    _run_until_stopped(settings, run_identity)


def _run_look_ups(settings: Settings) -> None:
    """The process that asks other systems, until SIGTERM or SIGINT."""
    from flows.look_ups.service import run_look_ups

    _run_until_stopped(settings, partial(run_look_ups, environment=os.environ))


def _run_until_stopped(settings: Settings, process: Process) -> None:
    """A process that is no flow, until SIGTERM or SIGINT."""
    from flows.engine.clock import wall_clock
    from flows.logs import log_as_json
    from flows.metrics import Metrics, serve
    from flows.topics.open import open_topics

    log_as_json()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _setting(stop))
    metrics = Metrics()
    serve(settings.metrics, metrics)
    topics = open_topics(settings)
    try:
        process(settings, topics, wall_clock, stop, metrics=metrics)
    finally:
        topics.close()


def _setting(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a signal hands over
        stop.set()

    return handle
