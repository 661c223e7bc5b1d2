"""A report for other programs: the same standings as on the page, as JSON."""

from __future__ import annotations

from typing import Any

from vaguemestre.reports.page import Subject
from vaguemestre.reports.requirements import Text, catalogue
from vaguemestre.reports.standing import Item, Standing, standings
from vaguemestre.verify.kept import Verification

SCHEMA = 1
"""Goes up when a field changes its meaning or goes; new ones may come without."""


def plain(subject: Subject) -> dict[str, Any]:
    """What `--json` prints; times are ISO 8601, UTC."""
    return {
        "schema": SCHEMA,
        "establishment": subject.establishment.slug,
        "name": subject.establishment.name,
        "operator": subject.operator.slug,
        "made": subject.at.isoformat(),
        "kit": subject.kit,
        "rehearsal": subject.rehearsal,
        "verification": _record(subject.seen.behaviours),
        "trust_audit": _record(subject.seen.audit),
        "requirements": [_standing(one) for one in standings(catalogue(), subject.seen).values()],
    }


def _record(one: Verification | None) -> dict[str, Any] | None:
    if one is None:
        return None
    hosts = {host.name: host.release for host in one.hosts}
    return {"id": one.id, "ended": one.ended.isoformat(), "kit": one.kit, "passed": one.passed, "hosts": hosts}


def _standing(one: Standing) -> dict[str, Any]:
    row = one.requirement
    return {
        "number": row.number,
        "title": _text(row.title),
        "required": _text(row.required),
        "basis": [basis.value for basis in row.basis],
        "tested": _text(row.tested),
        "verdict": one.verdict.value,
        "at": one.at.isoformat() if one.at else None,
        "evidence": [_item(item) for item in one.items],
        "kit_tests": list(row.kit),
        "lacks": _text(row.lacks) if row.lacks else None,
    }


def _item(one: Item) -> dict[str, Any]:
    at = one.at.isoformat() if one.at else None
    return {"sentence": _text(one.sentence), "outcome": one.outcome, "reason": one.reason, "at": at}


def _text(text: Text) -> dict[str, str]:
    return {"fr": text.fr, "en": text.en}
