"""CSV archives: rows as Python's own reader sees them, cells as JSON, and what is broken is said, row by row."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.archives import cells
from flows.archives import csv as archives_csv
from flows.archives.batches import read_batches
from flows.devices.decoder import Decoder
from flows.errors import CsvColumnMissing, CsvHeaderWrong
from flows.streams import Field, Stream

STREAM = Stream(
    name="vehicle",
    topic="telemetry",
    key="device",
    time="at",
    fields=(
        Field(name="coolant_c", type="float", source="coolant"),
        Field(name="gear", type="int"),
        Field(name="lamp", type="bool"),
        Field(name="mode", type="enum", values=("eco", "sport")),
    ),
)
TEXTS = Stream(
    name="s", topic="t", key="device", time="at", time_unit="rfc3339", fields=(Field(name="b", type="text"),)
)
CELL = st.text(st.sampled_from('ab ,;\t"\n\r\\é€\x85'), max_size=6)
TABLE = st.lists(st.tuples(CELL, CELL, CELL), max_size=12)


def read(path, stream=STREAM, readings=16_384):
    """All messages of an archive as they are parsed, with the line where each begins."""
    found = []
    for batch in read_batches(path, stream, readings):
        starts = [0, *batch.ends.tolist()[:-1]]
        values = [batch.data[a:b] for a, b in zip(starts, batch.ends.tolist(), strict=True)]
        found += zip(batch.offsets.tolist(), map(json.loads, values), strict=True)
    return found


def written(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    return path


@given(
    table=TABLE,
    delimiter=st.sampled_from(",;\t"),
    ending=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
    readings=st.integers(1, 9),
    block=st.integers(1, 80),
)
def test_rows_are_those_of_pythons_own_reader(
    tmp_path_factory, table, delimiter, ending, mark, readings, block
):
    """Quotes, embedded newlines, delimiters and cuts give the cells, and the lines, that Python's csv gives."""
    text = io.StringIO(newline="")
    # A carriage return has to be quoted, which the writer does not see to.
    quoting = csv.QUOTE_ALL if any("\r" in cell for row in table for cell in row) else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows([("device", "at", "b"), *table])
    path = written(tmp_path_factory.mktemp("archive") / "a.csv", mark + text.getvalue())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(archives_csv, "_BLOCK_BYTES", block)
        patched.setattr(archives_csv, "_STEP", 3)
        found = read(path, TEXTS, readings)
    reader = csv.reader(io.StringIO(text.getvalue(), newline="\n"), delimiter=delimiter)
    expected, line = [], 1
    for row in reader:
        cell = [one.strip() or None for one in row]
        expected.append((line, dict(zip(("device", "at", "b"), cell, strict=True))))
        line = reader.line_num + 1
    assert found == expected[1:]


@given(st.lists(st.text(st.sampled_from("0123456789+-.eE _x"), max_size=7), max_size=5))
def test_numbers_are_what_python_takes_for_a_number(column):
    """A cell is a JSON number of the same value where Python reads one, else its text; a column is its cells."""
    assert [json.loads(one) for one in cells.numbers(column)] == [json.loads(cells.number(c)) for c in column]
    for cell in column:
        found = json.loads(cells.number(cell))
        try:
            expected = float(cell) if "_" not in cell else cell.strip()
        except ValueError:
            expected = cell.strip() or None
        assert (found, isinstance(found, str)) == (expected, isinstance(expected, str))


def test_numbers_in_other_spellings():
    """Signs, bare points, leading zeros and white space are numbers; commas, words, nan and inf are not."""
    as_json = {"+1": 1, ".5": 0.5, "1.": 1, " 3 ": 3, "-.5e+2": -50, "007": 7, "-0": 0, "": None, "  ": None}
    assert {cell: json.loads(cells.number(cell)) for cell in as_json} == as_json
    for cell in ("nan", "inf", "-Infinity", "1,5", "1_000", "0x1F", "1 000", "e5", ".", "٣"):
        assert json.loads(cells.number(cell)) == cell
    assert json.loads(cells.numbers(["1,2", ""])[0]) == "1,2"
    assert math.isclose(json.loads(cells.number("1e-7")), 1e-7)


def test_a_cell_does_not_depend_on_the_others_of_its_column():
    """Beside a cell that is no number it is written to the byte as it is among numbers, and `null` is no number."""
    for cell in ("1", " 3 ", "-0", "1E5", "2e+1", "4\n", "", "0.10", "null", " null", "007"):
        (alone,) = cells.numbers([cell])
        assert [cells.numbers([*beside, cell])[-1] for beside in (["1"], ["x"], ["", "+1"])] == [alone] * 3
    assert cells.numbers(["null"]) == ['"null"']


def test_a_row_becomes_the_message_that_its_stream_declares(tmp_path):
    """Columns are found by `from` or name, types follow the declaration, what is not declared is left away."""
    text = "at,coolant,note,device,lamp,mode,gear\n1000,90.5,x,7,YES,sport,\n2000,+91,,veh é,0,eco,3\n"
    assert read(written(tmp_path / "a.csv", text)) == [
        (2, {"device": "7", "at": 1000, "coolant": 90.5, "gear": None, "lamp": True, "mode": "sport"}),
        (3, {"device": "veh é", "at": 2000, "coolant": 91, "gear": 3, "lamp": False, "mode": "eco"}),
    ]


def test_dotted_columns_are_paths(tmp_path):
    """`engine.oil.bar` becomes an object in an object in an object, as the decoder reads it."""
    paths = ("engine.temp", "engine.oil.bar", "gps.lat%")
    fields = tuple(Field(name=f"f{i}", type="float", source=path) for i, path in enumerate(paths))
    stream = Stream(name="s", topic="t", key="id.vin", time="at", fields=fields)
    path = written(tmp_path / "a.csv", f"at,{','.join(paths)},id.vin\n1,2,3,4,v\n")
    engine = {"temp": 2, "oil": {"bar": 3}}
    assert read(path, stream) == [(2, {"id": {"vin": "v"}, "at": 1, "engine": engine, "gps": {"lat%": 4}})]
    decoder = Decoder(stream, tuple(field.name for field in fields), 1 << 20)
    (batch,) = read_batches(path, stream)
    assert decoder.decode(batch).columns.T.tolist() == [[2, 3, 4]]


def test_a_narrow_table_writes_each_value_as_its_metric_asks(tmp_path):
    """In a column of values numbers, truths and texts stand side by side."""
    stream = Stream(
        name="n", topic="n", key="device", time="at", shape="narrow", metric="name", value="value",
        fields=(
            Field(name="temp", type="float", source="t"), Field(name="lamp", type="bool"),
            Field(name="mode", type="enum", values=("1", "2")),
        ),
    )  # fmt: skip
    text = "device,at,name,value\na,1,t,+3\na,1,lamp,1\na,1,mode,1\na,1,other,7\n"
    assert [message["value"] for _, message in read(written(tmp_path / "a.csv", text), stream)] == [
        3,
        True,
        "1",
        7,
    ]


def test_broken_rows_are_refused_with_their_reason_and_the_rest_is_read(tmp_path):
    """A row of another width, an open quote and bytes that are no UTF-8 end as dead letters under their lines."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"device,at,coolant,gear,lamp,mode\n"
        b"a,1000,90,1,1,eco\n"
        b"a,2000,90\n"
        b"\n"
        b'a,"3000"x,90,1,1,eco\n'
        b"a,4000,90,nan,1,eco\n"
        b"\xff\xfe,5000,90,1,1,eco\n"
        b"a,6000,90,1,1,eco,more\n"
        b"a,7000,90,1,1,eco\n"
    )
    decoder = Decoder(STREAM, tuple(field.name for field in STREAM.fields), 1 << 20)
    found = [decoder.decode(batch) for batch in read_batches(path, STREAM)]
    assert [at for readings in found for at in readings.at.tolist()] == [1000, 7000]
    dead = {
        letter.offset: letter.value.decode("utf-8", "replace")
        for readings in found
        for letter in readings.dead
    }
    assert sorted(dead) == [3, 5, 6, 7, 8]
    assert dead[3] == '"3 cells where the header has 6: a,2000,90"'
    assert "the row cannot be read" in dead[5]
    assert '"nan"' in dead[6]
    assert dead[8].startswith('"7 cells where')


def test_a_header_that_lacks_what_is_declared_is_refused(tmp_path):
    """Device, time and measurements must have a column; the nearest name is offered."""
    with pytest.raises(
        CsvColumnMissing, match=r"a\.csv:1: .*'coolant', which the stream 'vehicle'.*mean 'coolnt'"
    ):
        read(written(tmp_path / "a.csv", "device,at,coolnt,gear,lamp,mode\n"))
    with pytest.raises(CsvColumnMissing, match="lacks 'device', 'at'"):
        read(written(tmp_path / "a.csv", "coolant,gear,lamp,mode\n"))


def test_what_no_message_holds_needs_no_column(tmp_path):
    """A derived field, and the device of a stream that has but one, are not looked for."""
    stream = Stream(
        name="s", topic="t", key="", device="office", time="at",
        fields=(Field(name="a", type="float"), Field(name="b", type="float", derived=True)),
    )  # fmt: skip
    assert read(written(tmp_path / "a.csv", "at,a\n1,2\n"), stream) == [(2, {"at": 1, "a": 2})]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "first line is blank"),
        ("\ndevice,at\n", "first line is blank"),
        ('"device,at\n', "cannot be read"),
        ("device,at,coolant,gear,lamp,mode,at\n", "'at' twice"),
    ],
)
def test_a_header_that_is_none_is_refused(tmp_path, text, what):
    """An empty file, a blank first line, an open quote and a column named twice are said with the mend."""
    with pytest.raises(CsvHeaderWrong, match=what):
        read(written(tmp_path / "a.csv", text))


def message(b):
    return {"device": "x", "at": "t", "b": b}


def test_a_quote_that_is_never_closed_costs_its_line(tmp_path):
    """What it would swallow, to the end of the file or to a cell that is too long, is read as rows of its own."""
    for after in (3, 30_000):
        rows = [f"x,t,{i}" for i in range(after)]
        text = "\n".join(["device,at,b", "x,t,first", 'x,"t,broken', *rows])
        (first, broken, *rest) = read(written(tmp_path / "a.csv", text), TEXTS, 1000)
        assert first == (2, message("first"))
        assert broken[0] == 3
        assert broken[1].startswith("the row cannot be read: ")
        assert rest == [(4 + i, message(str(i))) for i in range(after)]


def one_by_one(lines):
    """Rows with the lines where they begin, read by Python's own reader anew for each; None where it cannot."""
    found, at = [], 0
    while at < len(lines):
        reader = csv.reader(lines[at:], strict=True)
        try:
            row, height = next(reader), reader.line_num
        except csv.Error:
            row, height = None, 1
        if row != []:
            found.append((at + 1, row))
        at += height
    return found


@given(
    st.lists(
        st.sampled_from(['a,"b"\n', '"a\nb",c\n', 'a,"b\n', "a\n", '"a"b\n', "\n", '"\n', '"""a\n']),
        max_size=15,
    ),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_a_row_that_cannot_be_read_costs_its_first_line(tmp_path_factory, parts, most, step):
    """Stray quotes among good rows, wherever batches are cut: what follows the line is read, under its number."""
    text = "".join(["device,at,b\n", *parts])
    path = written(tmp_path_factory.mktemp("archive") / "a.csv", text)
    found = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(archives_csv, "_STEP", step)
        for rows, lines, unread in archives_csv.Table(path).read(most):
            found += zip(lines.tolist(), [*rows, *([None] if unread else [])], strict=True)
    assert found == one_by_one(text.splitlines(keepends=True))[1:]
