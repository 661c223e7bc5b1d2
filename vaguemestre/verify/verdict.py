"""Verdicts: what pytest found, read back from its JUnit XML, as values and as a page of text."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree


@dataclass(frozen=True)
class Verdict:
    """One behaviour asked of one establishment. `requirement` numbers rows of the operator requirements, if any.

    `proof` and `variant` name the behaviour and what it was asked with (see `vaguemestre.verify.kept`).
    """

    establishment: str
    behaviour: str
    requirement: str
    outcome: Literal["passed", "failed", "skipped"]
    seconds: float
    reason: str = ""
    slug: str = ""  # the establishment's
    proof: str = ""
    variant: str = ""

    @property
    def failed(self) -> bool:
        return self.outcome == "failed"


def read_junit(path: Path) -> tuple[Verdict, ...]:
    """The verdicts of a JUnit file that `vaguemestre.verify.plugin` had a hand in, in the order of the run."""
    tree = ElementTree.parse(path)  # noqa: S314 - written by our own pytest a moment ago
    return tuple(_verdict(case) for case in tree.iter("testcase"))


def _verdict(case: ElementTree.Element) -> Verdict:
    properties = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
    bad = next((child for kind in ("failure", "error") for child in case.findall(kind)), None)
    skipped = case.find("skipped")
    found = bad if bad is not None else skipped
    return Verdict(
        establishment=properties.get("establishment", ""),
        behaviour=properties.get("behaviour", case.get("name", "")),
        requirement=properties.get("requirement", ""),
        outcome="failed" if bad is not None else "skipped" if skipped is not None else "passed",
        seconds=float(case.get("time", "0")),
        reason=(found.get("message") or "").strip() if found is not None else "",
        slug=properties.get("slug", ""),
        proof=properties.get("proof", ""),
        variant=properties.get("variant", ""),
    )


def summary(verdicts: tuple[Verdict, ...]) -> str:
    """A page of text: establishment by establishment, behaviour by behaviour, then the count."""
    sites: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        sites[verdict.establishment].append(verdict)
    pages = [f"{site}\n" + "\n".join(map(line, found)) for site, found in sites.items()]
    return "\n\n".join([*pages, count(verdicts)]) + "\n"


def line(verdict: Verdict) -> str:
    """One behaviour as one line; a failure brings its reason along."""
    mark = {"passed": "✓", "failed": "✗", "skipped": "–"}[verdict.outcome]
    reason = f"\n      {verdict.reason}" if verdict.outcome != "passed" and verdict.reason else ""
    return f"  {mark} {verdict.behaviour}{reason}"


def count(verdicts: tuple[Verdict, ...]) -> str:
    numbers = [sum(v.outcome == outcome for v in verdicts) for outcome in ("passed", "failed", "skipped")]
    return "{} behaviours verified, {} failed, {} skipped".format(*numbers)
