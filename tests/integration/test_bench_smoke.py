"""The benchmark on a few readings: it runs, its answers are right, it prints what it should; never how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from load_tests.bench import INTERLEAVED, ONCE, known_legs

ROOT = Path(__file__).parent.parent.parent


def run_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "load_tests", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_answers_are_right_and_the_last_line_is_json() -> None:
    """On the embedded bus every leg's answer is the oracle's, the table names each figure, and so does the JSON."""
    legs = "ceiling,ours,backtest,ours_garbage,memory"
    done = run_bench("--bus", "sqlite", "--case", "smoke", "--legs", legs)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    report = json.loads(lines[-1])
    assert report["right"]
    assert not report["wrong"]
    assert (report["bus"], report["readings"], report["rounds"], report["void_rounds"]) == (
        "sqlite",
        6000,
        1,
        0,
    )
    assert {
        "ceiling: rate",
        "ours: CPU",
        "ours ÷ ceiling",
        "ours_garbage ÷ ours",
        "backtest ÷ ours, per core",
    } <= report["figures"].keys()
    fields = {"median", "worst", "unit", "bar", "aim", "bar_met", "aim_met"}
    for name, figure in report["figures"].items():
        assert figure.keys() == fields
        assert any(name in line for line in lines[:-1]), name
    memory = [name for name in report["figures"] if name.endswith(": snapshot")]
    assert memory
    assert report["figures"][memory[0]]["median"] > 0


def test_a_leg_that_does_not_exist_is_wrong_input() -> None:
    """A leg of another name ends with exit code 2 and one line that names those there are, before anything starts."""
    done = run_bench("--bus", "sqlite", "--legs", "fastest")
    assert done.returncode == 2
    assert "'fastest'" in done.stderr
    assert "Traceback" not in done.stderr
    assert all(leg in done.stderr for leg in known_legs("sqlite"))


def test_the_naive_flow_is_a_leg_of_kafka_alone() -> None:
    """Both buses have every leg but the naive one, whose source reads nothing but Kafka."""
    assert known_legs("kafka") == [*INTERLEAVED, *ONCE]
    assert set(known_legs("kafka")) - set(known_legs("sqlite")) == {"naive"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leg", "figures"),
    [
        ("customers", {"300 customers: rate", "300 customers: restart to right decision"}),
        ("hot_customer", {"others beside one with 50 events/s: p99 ratio"}),
        ("identity", {"900 identifiers, sqlite: evidence ÷ upserts"}),
        ("merge_storm", {"100 merges through one id: published"}),
    ],
)
def test_legs_about_customers_answer_right(leg: str, figures: set[str]) -> None:
    """Each leg about people comes to the plain answer on the real processes, and says what it is there to say."""
    done = run_bench("--bus", "sqlite", "--case", "smoke", "--legs", leg)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["right"]
    assert figures <= report["figures"].keys()
