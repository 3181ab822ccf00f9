"""The command line of the load tests: `python -m load_tests bench --bus kafka`."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType
from typing import NoReturn

from rich.console import Console

from load_tests.bench import bench, known_legs
from load_tests.broker_jars import NoBrokerError
from load_tests.case import load_case
from load_tests.failures import CaseWrong, LoadTestFailed, NoSuchLeg
from load_tests.report import json_line, print_table

_SIZES = (
    "seed",
    "readings",
    "devices",
    "partitions",
    "processes",
    "rounds",
    "naive-readings",
    "rules-readings",
    "memory-devices",
    "customers",
    "customer-events",
    "buckets",
    "identifiers",
    "evidence",
    "storm",
)


def main() -> int:
    """Exit codes: 0 all answers were right, 1 some were not, 2 wrong input, 3 no broker."""
    chosen = _parser().parse_args()
    signal.signal(signal.SIGTERM, _end)
    sizes = {size.replace("-", "_"): getattr(chosen, size.replace("-", "_")) for size in _SIZES}
    if chosen.restart_devices is not None:
        sizes["restart_devices"] = [int(count) for count in chosen.restart_devices.split(",")]
    wanted = chosen.legs.split(",") if chosen.legs else None
    try:
        case = load_case(chosen.case, sizes)
        report = bench(chosen.bus, chosen.bootstrap_servers, case, wanted, Console(stderr=True))
    except (CaseWrong, NoSuchLeg) as error:
        return _fail(error, 2)
    except NoBrokerError as error:
        return _fail(error, 3)
    except LoadTestFailed as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130
    print_table(report, Console(width=None if sys.stdout.isatty() else 132))
    print(json_line(report), flush=True)
    return 0 if report.right else 1


def _parser() -> argparse.ArgumentParser:
    """The arguments; sizes that are not given are those of the case."""
    parser = argparse.ArgumentParser(prog="python -m load_tests")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("bench", help="readings per second beside the ceiling and a naive flow")
    command.add_argument("--bus", choices=["sqlite", "kafka"], default="kafka")
    command.add_argument("--case", default="bench", help="the folder below cases/ with the sizes")
    command.add_argument("--bootstrap-servers", help="a running broker; without it one is started")
    legs = ",".join(known_legs("kafka"))
    command.add_argument("--legs", help=f"joined by commas, all of them if not given: {legs}")
    for size in _SIZES:
        command.add_argument(f"--{size}", type=int)
    command.add_argument("--restart-devices", help="counts, joined by commas")
    return parser


def _fail(error: Exception, code: int) -> int:
    """One plain paragraph."""
    print(error, file=sys.stderr)
    return code


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - as signal calls it
    """A polite end, so that every process that was started is killed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
