"""Checking what a test gives: what holds before the first reading or event."""

from __future__ import annotations

import re

from flows.documents import Located, Mistakes
from flows.fields import Fields, did_you_mean, read_entries
from flows.rules.case import UNKNOWN
from flows.rules.conditions import PROFILE_KINDS
from flows.rules.subject import Subject
from flows.stream_files import DASHED_NAME
from flows.zones import PROFILE_ZONE, zone_named

GIVEN = (*("device", "profile", "roles", "open", "local_time", "stage", "quiet", "consents", "look_ups"),)
_LOCAL_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d\Z")


class GivenReader:
    """Checks the `given` of one case; `case` are the fields of the case around it."""

    def __init__(self, at: Located, case: Fields, subject: Subject, mistakes: Mistakes) -> None:
        self.fields = Fields(at, mistakes, GIVEN)
        self.case, self.subject, self.mistakes = case, subject, mistakes

    def check(self) -> None:
        """Every field of it."""
        fields, subject = self.fields, self.subject
        attributes = () if subject.stream is None else tuple(f.name for f in subject.stream.attributes)
        always = tuple(name.removeprefix("profile.") for name in PROFILE_KINDS)
        self.values(fields.get("device"), attributes)
        self.values(fields.get("profile"), (*subject.profile, *always))
        if fields.has("roles"):
            read_entries(fields.entries["roles"], self.mistakes)
        for text in fields.texts("open"):
            if ":" not in text:
                hint = "Write kind:about, e.g. case:engine."
                fields.wrong("open", f"{text!r} does not say what is open", hint)
        stage = fields.text("stage")
        if stage and not DASHED_NAME.match(stage):
            fields.wrong("stage", f"{stage!r} cannot be a stage", "Use small letters, digits, - and _.")
        self.consents()
        self.look_ups()
        self.local_time()

    def values(self, at: Located | None, names: tuple[str, ...]) -> None:
        """Values by declared names."""
        for name, below in () if at is None else read_entries(at, self.mistakes).items():
            if name not in names and at is not None:
                self.mistakes.add(at, f"{name!r} is not declared", did_you_mean(name, names), key=name)
            elif isinstance(below.value, dict | list):
                self.mistakes.add(below, "one value is needed", "Write a number, a text or a truth.")

    def consents(self) -> None:
        """Which purposes rest, and which consents are given: such as purposes name."""
        purposes = self.subject.purposes
        for name in self.fields.texts("quiet"):
            if not any(known == name or known.startswith(f"{name}.") for known in purposes):
                hint = did_you_mean(name, purposes)
                self.fields.wrong("quiet", f"the purpose {name!r} is not declared", hint)
        at = self.fields.get("consents")
        needed = {purpose.consent for purpose in purposes.values() if purpose.consent}
        for name, below in () if at is None else read_entries(at, self.mistakes).items():
            if name not in needed and at is not None:
                message = f"no purpose needs the consent {name!r}"
                self.mistakes.add(at, message, did_you_mean(name, needed), key=name)
            elif not isinstance(below.value, bool):
                self.mistakes.add(below, "true or false is needed", "Write whether it is granted.")

    def look_ups(self) -> None:
        """What other systems answer."""
        at = self.fields.get("look_ups")
        asked = {entry.name: entry for entry in self.subject.rule.look_ups}
        for name, below in () if at is None else read_entries(at, self.mistakes).items():
            entry = asked.get(name)
            if entry is None and at is not None:
                message = f"the rule asks for no {name!r}"
                self.mistakes.add(at, message, did_you_mean(name, asked), key=name)
            elif entry is not None and below.value != UNKNOWN:
                source = self.subject.look_ups.get(entry.source)
                self.values(below, () if source is None else source.fields)

    def local_time(self) -> None:
        """The time of day at which the case begins where the customer is."""
        fields = self.fields
        if not fields.has("local_time"):
            return
        if not _LOCAL_TIME.match(str(fields.entries["local_time"].value)):
            fields.wrong("local_time", "not a time of day", 'Write e.g. "22:30".')
        elif self.case.has("start"):
            fields.wrong("local_time", "the case has a `start` already", "Leave one of them away.")
        profile = fields.get("profile")
        zone = profile.value.get(PROFILE_ZONE) if profile and isinstance(profile.value, dict) else None
        if zone is not None and zone_named(str(zone.value)) is None:
            self.mistakes.add(zone, f"there is no zone {zone.value!r}", "Write e.g. Europe/Berlin.")
