"""The messages on the page of the streams are read by the declarations that stand above them, as the page says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.archives.batches import read_batches
from flows.devices.decoder import Decoder, Readings
from flows.reference.pages import FOLDER
from flows.stream_files import load_streams
from flows.streams import Stream
from tests.docs.markdown import Block, blocks

BLOCKS = list(blocks(FOLDER / "streams.md"))
SHOWN = [
    pytest.param(declared, message, read, id=declared.heading)
    for declared, message, read in zip(BLOCKS, BLOCKS[1:], BLOCKS[2:], strict=False)
    if declared.language == "yaml" and declared.heading == message.heading == read.heading
]

_WHOLE: dict[str, type[bool | int]] = {"bool": bool, "int": int}


def of_reading(readings: Readings, stream: Stream) -> dict[str, Any]:
    """The only reading as the page shows it: without what is missing, an enum by its value."""
    found: dict[str, Any] = {
        "device": readings.data[readings.low[0] : readings.high[0]].tobytes().decode(),
        "at": int(readings.at[0]),
    }
    for name, (number,) in zip(readings.fields, readings.columns, strict=True):
        field = stream.field(name)
        assert field is not None
        if not math.isnan(number):
            found[name] = (
                field.values[int(number)] if field.type == "enum" else _WHOLE.get(field.type, float)(number)
            )
    return found


def test_the_page_shows_all_shapes() -> None:
    """A declaration with its message for each form that a stream may take."""
    assert len(SHOWN) >= 8


@pytest.mark.parametrize(("declared", "message", "read"), SHOWN)
def test_a_message_is_read_as_shown(declared: Block, message: Block, read: Block, tmp_path: Path) -> None:
    """By the decoder of the flow; nothing of it goes to the dead letters."""
    (tmp_path / "streams.yaml").write_text("\n".join(declared.lines), encoding="utf-8")
    (stream,) = load_streams(tmp_path / "streams.yaml").values()
    archive = tmp_path / f"archive.{'csv' if message.language == 'csv' else 'jsonl'}"
    archive.write_text("\n".join(message.lines) + "\n", encoding="utf-8")
    (batch,) = read_batches(archive, stream)
    readings = Decoder(stream, tuple(field.name for field in stream.fields), 1 << 20).decode(batch)
    assert readings.dead == []
    assert len(readings.at) == 1
    assert of_reading(readings, stream) == msgspec.json.decode("\n".join(read.lines))
