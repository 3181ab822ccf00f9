"""The catalogue of metrics, and the endpoint that serves them."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.errors import MetricsPortsTaken
from flows.metrics import CATALOGUE, Longest, Metric, Metrics, serve
from flows.settings import MetricsSettings

BOUNDED_LABELS = {
    "connector", "flow", "kind", "lane", "partition", "reason", "result", "rule", "status", "step", "stream",
    "topic", "transition", "verdict",
}  # fmt: skip
SUFFIX = {"seconds": "_seconds", "bytes": "_bytes"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def test_a_registry_holds_exactly_the_catalogue() -> None:
    """What is counted and what the catalogue names are the same."""
    families = {family.name: family for family in Metrics().registry.collect()}
    named = {metric.full_name.removesuffix("_total"): metric for metric in CATALOGUE}
    assert families.keys() == named.keys()
    for name, metric in named.items():
        assert (families[name].type, families[name].documentation) == (metric.kind, metric.help)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_metric_says_what_it_is_and_in_which_unit(metric: Metric) -> None:
    """Each has a sentence of help and a unit; seconds and bytes end the name, `_total` a counter's."""
    assert metric.help.endswith(".")
    assert metric.unit
    assert metric.name.endswith(SUFFIX.get(metric.unit, "")), metric.name
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.buckets) == (metric.kind == "histogram")


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_no_label_is_an_id(metric: Metric) -> None:
    """Labels are those whose values are bounded by the configuration, never a device, a customer or an id."""
    assert set(metric.labels) <= BOUNDED_LABELS


def test_two_processes_share_nothing() -> None:
    """What one `Metrics` counts does not show in another, so tests and processes are apart."""
    one, other = Metrics(), Metrics()
    one.readings.labels(stream="vehicle", result="taken").inc(3)
    labels = {"stream": "vehicle", "result": "taken"}
    assert one.registry.get_sample_value("telltale_readings_total", labels) == 3
    assert other.registry.get_sample_value("telltale_readings_total", labels) is None


def test_the_longest_stop_is_of_the_time_since_the_last_scrape() -> None:
    """A scrape shows the longest stop since the one before; the histogram keeps them all."""
    metrics = Metrics()
    for seconds in (0.02, 0.3, 0.1):
        metrics.stopped("devices", seconds)
    longest = [
        metrics.registry.get_sample_value("telltale_snapshot_longest_stop_seconds", {"flow": "devices"})
        for _ in range(2)
    ]
    assert longest == [0.3, 0.0]
    assert metrics.registry.get_sample_value("telltale_snapshot_stop_seconds_count", {"flow": "devices"}) == 3


def test_longest_keeps_the_greatest() -> None:
    """Taking gives the greatest observed and begins anew."""
    longest = Longest()
    longest.observe(2.0)
    longest.observe(1.0)
    assert (longest.take(), longest.take()) == (2.0, 0.0)


def test_served_metrics_can_be_read_by_prometheus() -> None:
    """What the endpoint serves is the text format, with the samples that were counted."""
    metrics = Metrics()
    metrics.dead_letters.labels(reason="NotJson").inc()
    port = serve(MetricsSettings(port=free_port()), metrics)
    assert port is not None
    families = {family.name: family for family in text_string_to_metric_families(read(port))}
    samples = families["telltale_dead_letters"].samples
    assert ("telltale_dead_letters_total", {"reason": "NotJson"}, 1.0) in [s[:3] for s in samples]


def test_a_second_process_takes_the_next_port() -> None:
    """A taken port is passed over, so that many processes can have the same settings."""
    settings = MetricsSettings(port=free_port())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.port))
        taken.listen()
        port = serve(settings, Metrics())
    assert port is not None
    assert port > settings.port


def test_port_zero_serves_nothing() -> None:
    """Without a port in the settings no socket is opened."""
    assert serve(MetricsSettings(), Metrics()) is None


def test_a_host_of_another_machine_is_refused_with_the_mend() -> None:
    """An address that is not ours is an error that names the setting to change."""
    with pytest.raises(MetricsPortsTaken, match=r"metrics\.host"):
        serve(MetricsSettings(port=free_port(), host="192.0.2.1"), Metrics())
