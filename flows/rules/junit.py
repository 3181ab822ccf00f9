"""The results of rule tests as JUnit XML, as Jenkins, GitLab, GitHub's actions and Buildkite read it.

A suite is a rule, a case a test. Source: the schema of Jenkins' xUnit plugin (jenkins-junit.xsd), with `file` and
`line` as pytest and GitLab have them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from xml.etree import ElementTree as Xml

from flows.rules.places import CaseLines, lines_of
from flows.rules.testing import Result

# What XML 1.0 has no character for (section 2.2).
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[Result], details: Callable[[Result, CaseLines], Sequence[str]]) -> bytes:
    """The document; `details` gives the lines that tell a failure."""
    suites = Xml.Element("testsuites", _counts(results))
    for _, of_rule in groupby(results, lambda result: result.rule.name):
        listed = list(of_rule)
        rule = listed[0].rule
        lines = lines_of(rule.file)
        suite = Xml.SubElement(suites, "testsuite", {"name": _fit(rule.name), **_counts(listed)})
        for result in listed:
            place = lines.get(result.case.name, CaseLines())
            case = Xml.SubElement(
                suite,
                "testcase",
                {
                    "name": _fit(result.case.name),
                    "classname": _fit(rule.name),
                    "file": _fit(rule.file),
                    "line": str(place.case),
                },
            )
            if not result.passed:
                told = list(details(result, place))
                kind = "failure" if _is_failure(result) else "error"
                failure = Xml.SubElement(case, kind, {"message": _fit(told[0].strip()), "type": kind})
                failure.text = _fit("\n".join(told))
    Xml.indent(suites)
    return Xml.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def _counts(results: Sequence[Result]) -> dict[str, str]:
    """How many tests, failures, and tests that could not be played."""
    failures = sum(_is_failure(result) for result in results)
    errors = sum(not result.passed for result in results) - failures
    return {"tests": str(len(results)), "failures": str(failures), "errors": str(errors), "skipped": "0"}


def _is_failure(result: Result) -> bool:
    return bool(result.missing or result.unexpected)


def _fit(text: str) -> str:
    """Text without what no XML may hold."""
    return _UNFIT.sub("?", text)
