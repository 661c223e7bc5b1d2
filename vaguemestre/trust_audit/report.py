"""The verdicts as others read them: JSON (docs/audit-trust.md tells its fields), JUnit XML, what records keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from vaguemestre.trust_audit.verdict import Verdict
from vaguemestre.verify.kept import Evidence, Seen

SCHEMA = 1
"""Goes up when a field of the JSON changes its meaning or goes; new ones may come without."""

Results = Mapping[str, Sequence[Verdict]]


def plain(results: Results, seconds: float) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "schema": SCHEMA,
        "passed": passed(results),
        "seconds": round(seconds, 1),
        "establishments": [
            {
                "establishment": slug,
                "passed": all(one.passed for one in verdicts),
                "cases": [_plain(one) for one in verdicts],
            }
            for slug, verdicts in results.items()
        ],
    }


def passed(results: Results) -> bool:
    """Whether something was tried and all of it went as it must."""
    verdicts = [one for several in results.values() for one in several]
    return bool(verdicts) and all(one.passed for one in verdicts)


def evidence(results: Results) -> dict[str, list[Evidence]]:
    """As records keep it, by establishment; which requirements a case proves is the catalogue's to say."""
    return {slug: [_evidence(one) for one in verdicts] for slug, verdicts in results.items()}


def _evidence(one: Verdict) -> Evidence:
    outcome: Seen = "passed" if one.passed else "failed"
    proof = f"{one.case}.{one.direction}"
    return Evidence(proof, "", (), one.title, outcome, one.seconds, "; ".join(one.faults))


def junit(results: Results) -> bytes:
    """A test suite for each establishment, a test case for each case and direction."""
    root = ElementTree.Element("testsuites", name="audit-trust")
    for slug, verdicts in results.items():
        failures = sum(not one.passed for one in verdicts)
        numbers = {"tests": str(len(verdicts)), "failures": str(failures), "errors": "0", "skipped": "0"}
        longest = max((one.seconds for one in verdicts), default=0.0)
        suite = ElementTree.SubElement(root, "testsuite", {"name": slug, "time": f"{longest:.1f}"} | numbers)
        for one in verdicts:
            _testcase(suite, one)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _plain(one: Verdict) -> dict[str, Any]:
    return {
        "case": one.case,
        "direction": one.direction,
        "title": {"fr": one.titre, "en": one.title},
        "expected": one.expected,
        "observed": one.seen.reason or None,
        "fate": one.seen.fate,
        "passed": one.passed,
        "faults": list(one.faults),
        "detail": one.seen.detail,
        "seconds": one.seconds,
    }


def _testcase(suite: ElementTree.Element, one: Verdict) -> None:
    known = {"classname": f"{one.establishment}.{one.direction}", "name": one.case, "time": f"{one.seconds:.1f}"}
    case = ElementTree.SubElement(suite, "testcase", known)
    properties = ElementTree.SubElement(case, "properties")
    for name, value in (("expected", one.expected), ("observed", one.seen.reason), ("fate", one.seen.fate)):
        ElementTree.SubElement(properties, "property", name=name, value=value)
    if not one.passed:
        failure = ElementTree.SubElement(case, "failure", message=_printable("; ".join(one.faults)))
        failure.text = _printable(one.seen.detail)


def _printable(text: str) -> str:
    """What XML 1.0 takes: a peer's words may hold anything."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
