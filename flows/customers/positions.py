"""Which named place a position is at."""

from __future__ import annotations

from collections.abc import Iterable

from flows.expression_values import distance_km
from flows.rules.model import NamedPlace
from flows.schema_people import Value

# A degree of latitude is longer than this everywhere, so that what is farther in latitude alone needs no sines.
_KM_A_DEGREE = 110.0


def place_of(latitude: Value, longitude: Value, places: Iterable[NamedPlace]) -> str | None:
    """The nearest place whose circle holds a point (degrees), empty at none; None, unknown, without a point."""
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    found: list[tuple[float, str]] = []
    for place in places:
        if abs(place.latitude - latitude) * _KM_A_DEGREE > place.radius_km:
            continue
        away = distance_km(latitude, longitude, place.latitude, place.longitude)
        if away <= place.radius_km:
            found.append((away, place.name))
    return min(found)[1] if found else ""
