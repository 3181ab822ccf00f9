"""`telltale streams`: what an archive seems to be, and what a flow would take of it."""

import gzip
import json

ROWS = "device,at,coolant_c,mil\na,1000,90,off\na,2000,91,on\na,2000,91,on\nb,1500,95,off\na,1000,89,off\n"
STREAMS = """\
streams:
  vehicle:
    topic: telemetry
    key: device
    time: at
    fields:
      coolant_c: {type: float, range: [-60, 250]}
      mil: {type: enum, values: [off, on]}
      note: {type: text}
"""


def archive(project, text, name="a.csv"):
    (project / "streams.yaml").write_text(STREAMS.replace("      note: {type: text}\n", ""))
    (project / name).write_text(text)
    return name


def test_infer_prints_a_file_that_check_takes(telltale, project):
    """What is printed is written to streams.yaml, and with it not one row is refused."""
    name = archive(project, ROWS.replace("000,", "000000000,").replace("1500,", "1500000000,"))
    said = telltale("streams", "infer", name, "--name", "pumps")
    assert (said.code, said.err) == (0, "")
    (project / "streams.yaml").write_text(said.out)
    assert telltale("streams", "check", name).code == 0


def test_check_counts_what_a_flow_would_take(telltale, project):
    """Taken, late and duplicate by each device's own clock, and what the columns held, as one JSON object."""
    said = telltale("streams", "check", archive(project, ROWS), "-o", "json")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    counts = {name: found[name] for name in ("rows", "taken", "late", "duplicate", "refused", "dead_letters")}
    assert counts == {"rows": 5, "taken": 3, "late": 1, "duplicate": 1, "refused": 0, "dead_letters": 0}
    assert (found["devices"], found["first"], found["last"]) == (2, 1000, 2000)
    coolant = {"present": 5, "missing": 0, "least": 89.0, "greatest": 95.0, "refused": 0}
    assert found["columns"][0] == {"field": "coolant_c", "type": "float", **coolant}
    # A word is no number, though rules see its place among the values.
    assert (found["columns"][1]["least"], found["columns"][1]["greatest"]) == (None, None)


def test_what_is_refused_is_said_with_its_place(telltale, project):
    """Each reason comes with its count and the first lines; the exit code is 1."""
    broken = "a,3000,hot,off\na,4000,999,off\na,5000\na,6000,cold,off\n"
    said = telltale("streams", "check", "--stream", "vehicle", archive(project, ROWS + broken))
    assert said.code == 1
    assert "2 × wrong_type: coolant_c is not a number" in said.out
    assert "  a.csv:7: " in said.out
    assert "1 × out_of_range: coolant_c is out of its range" in said.out
    assert "1 × wrong_type: 2 cells where the header has 4\n  a.csv:9: a,5000" in said.out
    coolant = next(line for line in said.lines if line.startswith("coolant_c")).split()
    assert coolant == ["coolant_c", "float", "5", "1", "89", "95", "3"]


def test_a_cut_archive_gives_what_stands_before_the_cut(telltale, project):
    """The counts of the whole rows come out, then the error with the line, and the exit code is 2."""
    rows = "device,at,coolant_c,mil\n" + "".join(f"a,{i},{i * 7919 % 100},off\n" for i in range(1, 60_000))
    archive(project, "")
    packed = gzip.compress(rows.encode())
    (project / "b.csv.gz").write_bytes(packed[: len(packed) // 2])
    said = telltale("streams", "check", "b.csv.gz", "-o", "json")
    assert said.code == 2
    rows = json.loads(said.out)["rows"]
    assert said.err.startswith(f"b.csv.gz:{rows + 2}: the gzip stream is cut off.")


def test_wrong_names_are_answered_with_the_nearest(telltale, project):
    """A stream, a column and a file that are not there are one paragraph each, and the exit code is 2."""
    name = archive(project, ROWS.replace("coolant_c", "coolant"))
    for arguments, hint in [
        (("check", "--stream", "vehicles", name), "Did you mean 'vehicle'?"),
        (
            ("check", name),
            "a.csv:1: the header lacks 'coolant_c', which the stream 'vehicle' declares. Did you mean",
        ),
        (("infer", name, "--key", "devise"), "Did you mean 'device'?"),
        (("infer", "none.csv"), "none.csv: No such file or directory."),
    ]:
        said = telltale("streams", *arguments)
        assert (said.code, said.out) == (2, "")
        assert hint in said.err


def test_an_archive_without_a_reading_says_so(telltale, project):
    """A header alone is fine, and standard error says that nothing follows it."""
    said = telltale("streams", "check", archive(project, "device,at,coolant_c,mil\n"))
    assert said.code == 0
    assert "not one reading" in said.err
