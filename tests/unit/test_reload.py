"""Files are taken up when they are saved, and what cannot be used leaves the old in force."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from flows.provision import publish_rules
from flows.reload import Reload
from flows.rules.load import load_configuration
from flows.rules.published import RuleSets
from flows.settings import load_settings
from flows.topics.names import TopicNames
from flows.topics.open import open_topics

STARTER = Path(__file__).parents[2] / "flows" / "starter"


class Project:
    """The starter with what watches over it; a save has a later time than the one before."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("state"))
        self.folder = folder
        self.settings = load_settings(folder / "telltale.toml", {})
        self.said: list[str] = []
        self._saves = 0
        number = publish_rules(self.settings)
        configuration = load_configuration(self.settings)
        self.reload = Reload(self.settings, folder / "telltale.toml", configuration, number, self.said.append)

    def save(self, file: str, old: str, new: str) -> None:
        """Replace a text of a file."""
        path = self.folder / file
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new, 1))
        self._saves += 1
        at = path.stat().st_mtime_ns + self._saves * 1_000_000_000
        os.utime(path, ns=(at, at))

    def looked(self) -> list[str]:
        """What is said in the looks of the next seconds, and forgotten."""
        for _ in range(3):
            self.reload.look()
        said, self.said[:] = list(self.said), []
        return said

    def in_force(self) -> int:
        """The number of the newest published set."""
        topics = open_topics(self.settings)
        sets = RuleSets(topics, TopicNames(""), self.settings.tenant)
        sets.poll()
        sets.close()
        return sets.current.number


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with rule set 1 in force."""
    return Project(tmp_path / "project")


OVERHEATING = "rules/engine-overheating.yaml"


def test_nothing_is_said_while_nothing_is_saved(project):
    """However often it looks."""
    assert project.looked() == []


def test_a_saved_rule_is_published_and_named(project):
    """Changed, added and removed ones each by name."""
    project.save(OVERHEATING, "coolant_c >= 118", "coolant_c >= 117")
    change = "severity.critical.when coolant_c >= 118 → coolant_c >= 117"
    assert project.looked() == [f"Rule set 2 is in force:\n  ~ rule engine-overheating: {change}"]
    (project.folder / "rules" / "vehicle-silent.yaml").rename(project.folder / "rules" / "silent.yaml")
    project.save("rules/silent.yaml", "rule: vehicle-silent", "rule: quiet")
    assert project.looked() == ["Rule set 3 is in force:\n  + rule quiet\n  - rule vehicle-silent"]
    assert project.in_force() == 3


def test_a_wrong_file_is_told_with_its_place_and_the_old_set_stays(project):
    """The mistakes of the saved file alone, and that there are more; once it is mended it counts."""
    project.save("streams.yaml", "fields:", "feilds:")
    (said,) = project.looked()
    first, *mistakes, more = said.splitlines()
    assert first == "What was saved cannot be used, and rule set 1 stays in force:"
    assert mistakes
    assert all(line.startswith(f"{project.folder}/streams.yaml:") for line in mistakes)
    assert more.startswith("And ")
    assert project.in_force() == 1
    project.save("streams.yaml", "feilds:", "fields:")
    assert project.looked() == ["What was saved means the same: rule set 1 stays in force."]


def test_a_file_is_left_alone_until_it_stays_the_same(project):
    """Who saves in parts is waited for."""
    for number in (1, 2, 3):
        project.save(OVERHEATING, "run: 10", f"run: 10{' ' * number}")
        project.reload.look()
        assert project.said == []
    assert len(project.looked()) == 1


def test_what_needs_a_new_start_says_so(project):
    """The settings, and which topics are read."""
    project.save("telltale.toml", 'tenant = "default"', 'tenant = "other"')
    assert project.looked() == ["telltale.toml was saved: it counts when `telltale run` is started again."]
    project.save("streams.yaml", "topic: telemetry", "topic: readings")
    assert project.looked() == [
        "Rule set 2 is in force:\n  ~ stream vehicle: topic telemetry → readings",
        "Which topic the stream 'vehicle' has counts when `telltale run` is started again.",
    ]
