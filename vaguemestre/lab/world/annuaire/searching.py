"""FHIR search as far as the national interface offers it and readers need it: which resources, and in which pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from vaguemestre.lab.world.annuaire import shapes
from vaguemestre.lab.world.annuaire.register import mailboxes
from vaguemestre.lab.world.annuaire.shapes import Resource

PAGE = 50
WINDOW = timedelta(days=30)
TYPES = ("Practitioner", "PractitionerRole", "Organization")
_SILENT = ("_count", "_total", "_include", "_revinclude", "_format")
_COMPARED: dict[str, Callable[[datetime, datetime], bool]] = {
    "ge": lambda held, asked: held >= asked,
    "gt": lambda held, asked: held > asked,
    "le": lambda held, asked: held <= asked,
    "lt": lambda held, asked: held < asked,
}
_INCLUDED = {"PractitionerRole:practitioner": "practitioner", "PractitionerRole:organization": "organization"}


class SearchError(Exception):
    """A question that cannot be answered."""


def matching(resources: Iterable[Resource], kind: str, query: str) -> list[Resource]:
    """Those of a type that a query asks for; raises SearchError."""
    tests = [_test(name, value) for name, value in parse_qsl(query) if name not in _SILENT]
    return [one for one in resources if one["resourceType"] == kind and all(test(one) for test in tests)]


def included(found: Iterable[Resource], query: str, known: dict[str, Resource]) -> list[Resource]:
    """What the found resources refer to, as far as the query wants it too, each once."""
    asked = [value for name, value in parse_qsl(query) if name == "_include"]
    if wrong := [value for value in asked if value not in _INCLUDED]:
        raise SearchError(f"unknown _include {wrong[0]!r}")
    keys = (one.get(_INCLUDED[value], {}).get("reference", "") for one in found for value in asked)
    return [known[key] for key in dict.fromkeys(keys) if key in known]


def count(query: str) -> int:
    """How many to a page: 50 at most."""
    asked = dict(parse_qsl(query)).get("_count", str(PAGE))
    if not asked.isdigit():
        raise SearchError(f"_count {asked!r} is no number")
    return min(PAGE, int(asked) or PAGE)


def token(kind: str, query: str, first: int) -> str:
    """A page as it is named in a link: nobody's business what it says."""
    return base64.urlsafe_b64encode(json.dumps([kind, query, first]).encode()).decode().rstrip("=")


def page(named: str) -> tuple[str, str, int]:
    """The page a link means; raises SearchError."""
    try:
        kind, query, first = json.loads(base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)))
        return str(kind), str(query), int(first)
    except ValueError as error:
        raise SearchError("this page is not known") from error


def _test(name: str, value: str) -> Callable[[Resource], bool]:
    if name == "_lastUpdated":
        return _updated(value)
    if name in ("mailbox-mss:contains", "mailbox-mss:exact", "mailbox-mss"):
        return _mailbox(name.partition(":")[2], value.lower())
    if name == "identifier":
        return lambda one: any(_identified(one, wanted) for wanted in value.split(","))
    if name == "_id":
        return lambda one: one["id"] in value.split(",")
    if name == "active":
        return lambda one: one["active"] == (value == "true")
    raise SearchError(f"unknown search parameter {name!r}")


def _updated(value: str) -> Callable[[Resource], bool]:
    compare = _COMPARED.get(value[:2])
    try:
        asked = datetime.fromisoformat(value[2:].replace(" ", "+"))
    except ValueError as error:
        raise SearchError(f"_lastUpdated={value}: no date") from error
    if compare is None:
        raise SearchError(f"_lastUpdated={value}: ge, gt, le or lt and a date")
    asked = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    if value[0] == "g" and asked < datetime.now(UTC) - WINDOW:
        raise SearchError("_lastUpdated reaches back 30 days at most; load everything instead")
    return lambda one: compare(datetime.fromisoformat(one["meta"]["lastUpdated"]), asked)


def _mailbox(how: str, value: str) -> Callable[[Resource], bool]:
    fits: dict[str, Callable[[str], bool]] = {
        "contains": lambda address: value in address,
        "exact": lambda address: address == value,
        "": lambda address: address.startswith(value),  # FHIR R4 section 3.1.1.4.8, search of strings
    }
    return lambda one: any(fits[how](str(box["value"]).lower()) for box in mailboxes(one))


def _identified(resource: Resource, wanted: str) -> bool:
    system, bar, value = wanted.rpartition("|")
    return any(value == known and (not bar or system == named) for named, known in shapes.identifiers(resource))


def bundle(
    base: str, shown: list[Resource], others: list[Resource], total: int, links: dict[str, str]
) -> dict[str, Any]:
    """A page of findings, and what goes with them."""
    entries = [(one, "match") for one in shown] + [(one, "include") for one in others]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "meta": {"lastUpdated": datetime.now(UTC).isoformat(timespec="milliseconds")},
        "total": total,
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
        "entry": [
            {
                "fullUrl": f"{base}/{one['resourceType']}/{one['id']}",
                "resource": one,
                "search": {"mode": mode},
            }
            for one, mode in entries
        ],
    }
