"""The results of tests as JUnit XML: what CI systems look for is there, whatever rules and tests are called."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from flows.rules.case import Case, Expectation, Given
from flows.rules.junit import junit
from flows.rules.model import Rule
from flows.rules.testing import Result
from tests.unit.rules.test_testing import WINDOW, project, results_of

# What Jenkins' jenkins-junit.xsd lets each element have, and which it must have; pytest and GitLab add file and line.
ATTRIBUTES = {
    "testsuites": ({"tests"}, {"name", "time", "tests", "failures", "errors", "disabled", "skipped"}),
    "testsuite": ({"name", "tests"}, {"name", "tests", "failures", "errors", "time", "skipped", "file"}),
    "testcase": ({"name", "classname"}, {"name", "classname", "time", "status", "file", "line"}),
    "failure": (set[str](), {"type", "message"}),
    "error": (set[str](), {"type", "message"}),
}
BELOW = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure", "error"}}


def result(name: str, *, rule: str = "r", failed: bool = False, unplayed: tuple[str, ...] = ()) -> Result:
    """A result of a case without a file."""
    case = Case(name=name, start=0, end=0, given=Given())
    missing = (Expectation(at=1000, transition="raised"),) if failed else ()
    return Result(rule=Rule(name=rule, file="gone.yaml"), case=case, missing=missing, unplayed=unplayed)


def read(results: list[Result]) -> ElementTree.Element:
    """The document, read again and held to the schema."""
    root = ElementTree.fromstring(junit(results, lambda each, _: [f"expected  of {each.case.name}", "got"]))  # noqa: S314 - it is ours
    for element in root.iter():
        needed, known = ATTRIBUTES[element.tag]
        assert needed <= set(element.attrib) <= known
        assert {below.tag for below in element} <= BELOW.get(element.tag, set())
    return root


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.text(max_size=20), st.booleans(), st.booleans()),
        max_size=8,
    )
)
def test_every_result_is_counted_once_whatever_it_is_called(drawn):
    """The counts of the suites and of the whole are those of the cases, and any name can be read again."""
    results = [
        result(name, rule=rule, failed=failed, unplayed=("x",) if broken else ())
        for rule, name, failed, broken in sorted(drawn)
    ]
    root = read(results)
    cases = list(root.iter("testcase"))
    assert root.get("tests") == str(len(results)) == str(len(cases))
    assert [suite.get("name") for suite in root] == sorted({each.rule.name for each in results})
    for counted in (root, *root):
        assert counted.get("failures") == str(len(list(counted.iter("failure"))))
        assert counted.get("errors") == str(len(list(counted.iter("error"))))
    for each, case in zip(results, cases, strict=True):
        assert (len(case) == 0) == each.passed
        assert len(case.get("name", "")) == len(each.case.name)


def test_a_failure_has_what_is_shown_in_the_terminal():
    """The first line is the message, all lines the text."""
    (failure,) = read([result("x", failed=True)]).iter("failure")
    assert failure.attrib == {"message": "expected  of x", "type": "failure"}
    assert failure.text == "expected  of x\ngot"


def test_a_case_that_could_not_be_played_is_an_error_not_a_failure():
    """CI systems tell the two apart."""
    (error,) = read([result("x", unplayed=("no reading",))]).iter("error")
    assert error.get("type") == "error"


def test_each_case_stands_in_its_file(tmp_path: Path):
    """File and line are those of the test, for editors and annotations."""
    found = project(tmp_path, window=WINDOW)
    lines = WINDOW.splitlines()
    for case in read(results_of(found)).iter("testcase"):
        assert case.get("file") == found.rules[0].file
        assert str(case.get("name")) in lines[int(case.get("line", "0")) - 1]
