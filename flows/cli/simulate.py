"""`telltale simulate`: the seeded fleet with its planted truths, into a folder or onto the bus."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.completion import topic_names
from flows.cli.options import Config, bus_of, names_of, settings_of, topic_named
from flows.cli.progress import counting
from flows.cli.show import counted, say
from flows.durations import parse_duration
from flows.errors import ArgumentWrong

if TYPE_CHECKING:
    from flows.simulator.archive import Compression


class Compress(Enum):
    """How an archive is packed."""

    none = "none"
    gz = "gz"
    zst = "zst"


_SUFFIXES: dict[str, Compression] = {"none": "", "gz": ".gz", "zst": ".zst"}


def simulate(
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write an archive into this folder; without it, onto the bus."),
    ] = None,
    vehicles: Annotated[int, typer.Option(metavar="N", min=1, help="How many vehicles.")] = 1000,
    people: Annotated[
        int, typer.Option(metavar="N", min=0, help="How many people with rows, orders, carts and complaints.")
    ] = 0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The same seed gives the same fleet.")] = 1,
    duration: Annotated[str, typer.Option(metavar="DURATION", help="How long they drive, e.g. 1h.")] = "1h",
    interval: Annotated[
        str, typer.Option(metavar="DURATION", help="Between two readings of one, e.g. 10s.")
    ] = "10s",
    pace: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR", help="Onto the bus: 1 is the pace of life, 60 a minute a second; else at once."
        ),
    ] = None,
    compress: Annotated[Compress, typer.Option(help="How the archive is packed.")] = Compress.none,
    stream: Annotated[
        str,
        typer.Option(
            metavar="TOPIC", autocompletion=topic_names, help="Onto the bus: the topic of the readings."
        ),
    ] = "telemetry",
    config: Config = None,
) -> None:
    """Let a simulated fleet drive, in which some go bad; and people live, of whom some turn out to be one.

    The same seed gives the same fleet. Beside an archive stands what a perfect watcher would raise.
    """
    import time

    from flows.simulator.archive import write_archive
    from flows.simulator.expectation import expected
    from flows.simulator.people.plan import PeoplePlan
    from flows.simulator.people.simulate import simulate as simulate_people
    from flows.simulator.plan import Plan
    from flows.simulator.send import Names, mode_of, send, start_for

    if pace is not None and not 0 < pace <= 1_000_000:
        raise ArgumentWrong(f"A pace of {pace:g} is not possible", "Give more than 0, 1 is the pace of life.")
    if folder is not None and pace is not None:
        raise ArgumentWrong("An archive has no pace", "Leave --pace away, or --folder.")
    length, step = _duration(duration, "--duration"), _duration(interval, "--interval")
    start = start_for(time.time_ns() // 1_000_000, length, pace)
    plan = Plan(start=start, vehicles=vehicles, seed=seed, duration=length, interval=step)
    truths = expected(plan, mode_of(pace))
    living = PeoplePlan(start=start, people=people, seed=seed, duration=length, pace=pace) if people else None
    if folder is not None:
        with counting(vehicles * plan.steps, f"to {folder}") as watch:
            count = write_archive(plan, folder, _SUFFIXES[compress.value], watch=watch, people=living)
        where = str(folder)
    else:
        settings = settings_of(config)
        names = names_of(settings)
        with bus_of(settings) as topics:
            telemetry = topic_named(topics, settings, stream)
            places = Names(
                telemetry=telemetry,
                things=names.things,
                identity=names.identity,
                events=names.events,
                source_records=names.source_records,
            )
            told = [] if living is None else simulate_people(living)
            writer = topics.writer()
            try:
                with counting(vehicles * plan.steps, f"to {telemetry}") as watch:
                    count = send(
                        plan,
                        writer,
                        places,
                        pace=pace,
                        clock=time.monotonic,
                        sleep=time.sleep,
                        watch=watch,
                        people=told,
                    )
            finally:
                writer.close()
        where = f"the topic {telemetry}"
    print(f"{counted(count, 'message')} of {counted(vehicles, 'vehicle')} written to {where}.")
    if living is not None:
        print(f"{people} {'person does' if people == 1 else 'people do'} things beside them.")
    say(f"A perfect watcher makes {counted(len(truths.alarms), 'alarm')} of them.")


def _duration(text: str, option: str) -> int:
    ms = parse_duration(text)
    if not ms:
        raise ArgumentWrong(
            f"{option} {text!r} is not a duration", "Write it with a unit, e.g. 10s or 1h30m."
        )
    return ms
