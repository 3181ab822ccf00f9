"""A slow, obvious watcher with the starter rules, one plain object a device: the oracle of the simulator's truths.

It keeps whole lists, asks the definitions of the patterns word by word, and shares no code with the product.
"""

import json
from collections import Counter, defaultdict
from itertools import combinations
from statistics import median

from flows.ids import partition_of
from flows.schema import Alarm

MINUTE = 60_000
STALE_AFTER = 15 * MINUTE
ABSENT_AFTER = 10 * MINUTE
RANGES = {"coolant_c": (-60, 250), "battery_v": (0, 60)}


def theil_sen_rise(points):
    """The median slope of all pairs times the time span, in the unit of the field."""
    slopes = [(b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2)]
    return median(slopes) * (points[-1][0] - points[0][0])


class Device:
    """What is remembered of one device."""

    def __init__(self):
        self.clock = -1
        self.seen = 0
        self.silent = False
        self.hot, self.cool, self.severity = [], 0, None
        self.low, self.declined, self.charged = [], False, 0
        self.lit, self.unlit, self.lamp = 0, 0, False


class SlowWatcher:
    """Takes messages in order; `alarms`, `counts` and `letters` (dead letters by reason) are what came of them."""

    lateness_of_clock = 5 * MINUTE

    def __init__(self, partitions=3):
        self.partitions = partitions
        self.devices = [defaultdict(Device) for _ in range(partitions)]
        self.greatest = [[0, 0] for _ in range(partitions)]
        self.alarms, self.counts, self.letters = [], Counter(), Counter()

    def alarm(self, device, rule, transition, at, severity=None, stale=False):
        self.alarms.append(
            Alarm(
                id=f"{device}/{rule}/{transition}/{at}", episode="", number=1, tenant="t", rule=rule, rule_set=1,
                stream="vehicle", device=device, transition=transition, severity=severity, at=at, opened_at=at,
                partition=0, stale=stale,
            )
        )  # fmt: skip

    def take(self, sent, appended):
        """One message that the bus took at `appended`."""
        self.counts["messages"] += 1
        readings = self.read(sent.value)
        shard = partition_of(sent.key, self.partitions)
        for reading in readings:
            if reading["at"] > appended + self.lateness_of_clock:
                self.counts["future"] += 1
                self.letters["future"] += 1
                continue
            greatest = self.greatest[shard]
            greatest[0], greatest[1] = max(greatest[0], reading["at"]), max(greatest[1], appended)
            self.on_reading(self.devices[shard][reading["device"]], reading, appended, min(greatest))
        self.absences(shard)

    def read(self, value):
        """The readings of a message; what is broken is counted."""
        try:
            found = json.loads(value)
        except RecursionError:
            return self.dead("too_deep")
        except ValueError:
            return self.dead("not_json")
        many = found if isinstance(found, list) else [found]
        if len(many) > 10_000:
            return self.dead("too_big")
        reasons = {reason for reason in map(self.wrong, many) if reason}
        return self.dead(reasons.pop()) if reasons else many

    def wrong(self, reading):
        """Why a reading cannot be taken, or None."""
        if not isinstance(reading, dict):
            return "wrong_type"
        if not {"device", "at"} <= reading.keys():
            return "missing_field"
        if not isinstance(reading["device"], str) or not isinstance(reading["at"], int):
            return "wrong_type"
        if len(reading["device"]) > 256:
            return "too_big"
        return None if self.numbers(reading) else "wrong_type"

    def numbers(self, reading):
        """Whether the numbers are numbers; those out of range become missing."""
        for name, (low, high) in RANGES.items():
            if not isinstance(reading[name], int | float):
                return False
            if not low <= reading[name] <= high:
                self.letters["out_of_range"] += 1
                reading[name] = None
        return True

    def dead(self, reason):
        self.counts["dead"] += 1
        self.letters[reason] += 1
        return []

    def on_reading(self, device, reading, appended, clock):
        if reading["at"] <= device.clock:
            self.counts["duplicate" if reading["at"] == device.clock else "late"] += 1
            return
        self.counts["taken"] += 1
        device.clock, device.seen = reading["at"], clock
        stale = appended - reading["at"] > STALE_AFTER
        if device.silent:
            self.came_back(device, reading)
        self.overheating(device, reading, stale)
        self.battery(device, reading, stale)
        self.lamp(device, reading, stale)

    def lamp(self, device, reading, stale):
        lit = reading["mil"] == "on"
        device.lit, device.unlit = (device.lit + 1, 0) if lit else (0, device.unlit + 1)
        if device.lit >= 3 and not device.lamp:
            device.lamp = True
            self.alarm(reading["device"], "check-engine", "raised", reading["at"], stale=stale)
        elif device.unlit >= 3 and device.lamp:
            device.lamp = False
            self.alarm(reading["device"], "check-engine", "cleared", reading["at"])

    def came_back(self, device, reading):
        device.silent = False
        self.alarm(reading["device"], "vehicle-silent", "cleared", reading["at"])

    def rise(self, points):
        return theil_sen_rise(points)

    def overheating(self, device, reading, stale):
        at, coolant, name, rule = reading["at"], reading["coolant_c"], reading["device"], "engine-overheating"
        if coolant is None:
            return
        if device.hot and at - device.hot[-1][0] > 2 * MINUTE:
            device.hot = []
        device.hot = [*device.hot, (at, coolant)] if coolant >= 105 else []
        device.cool = device.cool + 1 if coolant < 100 else 0
        if device.severity is None:
            if len(device.hot) >= 10 and self.rise(device.hot[-10:]) >= 5:
                device.severity = "critical" if coolant >= 118 else "warning"
                self.alarm(name, rule, "raised", at, device.severity, stale)
            return
        if device.cool >= 3:
            self.alarm(name, rule, "cleared", at, device.severity)
            device.severity = None
        elif device.severity == "warning" and coolant >= 118:
            device.severity = "critical"
            self.alarm(name, rule, "escalated", at, "critical")
        elif device.severity == "critical" and coolant < 112:
            device.severity = "warning"
            self.alarm(name, rule, "deescalated", at, "warning")

    def battery(self, device, reading, stale):
        at, volts = reading["at"], reading["battery_v"]
        if volts is None:
            return
        device.charged = device.charged + 1 if volts >= 12.5 else 0
        if device.declined and device.charged >= 3:
            device.declined = False
            self.alarm(reading["device"], "battery-decline", "cleared", at)
        if volts >= 12.4:
            return
        if device.low and at - device.low[-1][0] > 2 * MINUTE:
            device.low = []
        device.low = [*device.low, (at, volts)][-20:]
        if not device.declined and len(device.low) == 20 and theil_sen_rise(device.low) <= -0.8:
            device.declined = True
            self.alarm(reading["device"], "battery-decline", "raised", at, stale=stale)

    def absences(self, shard):
        clock = min(self.greatest[shard])
        for name, device in self.devices[shard].items():
            if not device.silent and clock - device.seen >= ABSENT_AFTER:
                device.silent = True
                self.alarm(name, "vehicle-silent", "raised", device.seen + ABSENT_AFTER)
