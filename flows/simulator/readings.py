"""Columns of measurements, and their compact JSON; numbers are kept as whole tenths or hundredths."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.simulator.vehicles import Vehicles

_TENTHS = [f"{n / 10:.1f}" for n in range(2000)]
_HUNDREDTHS = [f"{n / 100:.2f}" for n in range(2000)]
_MIL = ("off", "on")


class Columns(msgspec.Struct, frozen=True):
    """One reading of each vehicle, by slot: int64 arrays of one length, which planted truths change in place.

    `coolant` in 0.1 °C, `battery` 0.01 V, `speed` 0.1 km/h, `load` %, `mil` 0 or 1, `odometer` km.
    """

    coolant: NDArray[np.int64]
    battery: NDArray[np.int64]
    speed: NDArray[np.int64]
    load: NDArray[np.int64]
    mil: NDArray[np.int64]
    odometer: NDArray[np.int64]


class Lines:
    """Turns columns into one JSON text a vehicle."""

    def __init__(self, vehicles: Vehicles) -> None:
        self._heads = [f'{{"device":"{name}","at":' for name in vehicles.names]

    def of(self, columns: Columns, at: NDArray[np.int64], first: int, after: int) -> list[bytes]:
        """The readings of the slots first … after-1; `at` is their event time (ms) by slot."""
        part = slice(first, after)
        rows = zip(
            self._heads[part],
            at[part].tolist(),
            columns.coolant[part].tolist(),
            columns.battery[part].tolist(),
            columns.speed[part].tolist(),
            columns.load[part].tolist(),
            columns.mil[part].tolist(),
            columns.odometer[part].tolist(),
            strict=True,
        )
        tenths, hundredths, lamp = _TENTHS, _HUNDREDTHS, _MIL
        return [
            f'{head}{time},"coolant_c":{tenths[c]},"battery_v":{hundredths[b]},"speed_kmh":{tenths[s]},'
            f'"engine_load":{load},"mil":"{lamp[m]}","odometer_km":{km}}}'.encode()
            for head, time, c, b, s, load, m, km in rows
        ]
