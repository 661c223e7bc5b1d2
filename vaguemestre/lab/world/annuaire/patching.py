"""FHIRPath Patch as the draft of ANS's write interface has it (IG-MSS, flux d'alimentation): mailboxes of a carrier.

Operations insert, replace and delete; paths lead to all of a resource's ``telecom``, to one mailbox by its address, or
to what is told of that one. All operations of a call are applied in their order, or none.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vaguemestre.lab.world.annuaire import shapes
from vaguemestre.lab.world.annuaire.shapes import METADATA, Resource

CARRIED = {"Practitioner": ("PER", "CAB"), "PractitionerRole": ("PER", "CAB"), "Organization": ("ORG", "APP")}
_PATH = re.compile(
    r"(?P<type>[A-Za-z]+)\.telecom"
    r"(?:\.where\(\s*value\s*=\s*'(?P<address>[^'\\\s]+)'\s*\)"
    r"(?P<part>\.rank|\.extension\('(?P<url>[^']+)'\)\.extension\('(?P<name>[A-Za-z]+)'\)(?P<value>\.value)?)?)?"
)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TOLD = {
    "type": (str,), "description": (str,), "responsible": (str,), "service": (str,), "phone": (str,),
    "listeRouge": (bool,), "digitization": (bool,),
}  # fmt: skip


class PatchError(Exception):
    """Why nothing was changed: the HTTP status, the issue's code (FHIR R4, issue-type) and words for it."""

    def __init__(self, words: str, code: str = "invalid", status: int = 400) -> None:
        super().__init__(words)
        self.code, self.status = code, status


@dataclass(frozen=True)
class Operation:
    """One operation; `address` empty: the whole of `telecom`; `name` empty: the mailbox; else what is told of it."""

    verb: str
    carrier: str
    address: str
    name: str
    index: int | None
    value: Any


def operations(body: object) -> list[Operation]:
    """The operations of a call's body; raises PatchError."""
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise PatchError("the body is no resource Parameters", "structure")
    found = [_operation(one) for one in _dicts(body, "parameter") if one.get("name") == "operation"]
    if not found:
        raise PatchError("there is no operation in it", "required")
    return found


def patched(resource: Resource, wanted: list[Operation]) -> Resource:
    """The resource with these operations done; raises PatchError."""
    changed = copy.deepcopy(resource)
    points = changed.setdefault("telecom", [])
    for one in wanted:
        if one.carrier != resource["resourceType"]:
            raise PatchError(f"the path begins with {one.carrier}, the resource is a {resource['resourceType']}")
        if one.verb == "insert":
            _insert(points, one)
        elif one.verb == "replace":
            _replace(points, one)
        else:
            _delete(points, one)
    _check(changed)
    return changed


def _operation(parameter: Resource) -> Operation:
    parts = {one.get("name"): _given(one) for one in _dicts(parameter, "part")}
    verb, path = parts.get("type"), _PATH.fullmatch(str(parts.get("path", "")))
    if verb not in ("insert", "replace", "delete"):
        raise PatchError(f"operation {verb!r} is not offered: insert, replace, delete", "not-supported")
    if path is None or (path["url"] and path["url"] != METADATA):
        raise PatchError(f"path {parts.get('path')!r} leads to no mailbox", "value")
    name = "rank" if path["part"] == ".rank" else path["name"] or ""
    if verb == "replace" and path["name"] and not path["value"]:
        raise PatchError("replace the value of the extension, not the extension", "value")
    whole = not path["address"]
    if whole != (verb == "insert"):
        raise PatchError(
            f"{verb} at {parts.get('path')!r}: insert into telecom, replace or delete one mailbox", "value"
        )
    if verb != "delete" and "value" not in parts:
        raise PatchError(f"{verb} without a value", "required")
    return Operation(verb, path["type"], path["address"] or "", name, parts.get("index"), parts.get("value"))


def _insert(points: list[Resource], one: Operation) -> None:
    if not isinstance(one.index, int) or not 0 <= one.index <= len(points):
        raise PatchError(f"index {one.index!r} is not in telecom, which has {len(points)}", "value")
    box = _mailbox(one.value)
    if any(held.get("value", "").lower() == box["value"].lower() for held in points):
        raise PatchError(f"{box['value']} is there already", "duplicate")
    points.insert(one.index, box)


def _replace(points: list[Resource], one: Operation) -> None:
    at = _at(points, one.address)
    held = points[at]
    changed = _mailbox(one.value) if not one.name else _told(held, one.name, one.value)
    if changed["value"].lower() != held["value"].lower():
        raise PatchError("the address of a mailbox cannot be changed", "business-rule")
    if shapes.metadata(changed).get("type") != shapes.metadata(held).get("type"):
        raise PatchError("the type of a mailbox cannot be changed", "business-rule")
    points[at] = changed


def _delete(points: list[Resource], one: Operation) -> None:
    """What is not there is deleted already (FHIR R4, fhirpatch: "if found")."""
    if not one.name and all(held.get("value", "").lower() != one.address.lower() for held in points):
        return
    at = _at(points, one.address)
    if one.name == "type":
        raise PatchError("a mailbox has a type", "business-rule")
    if one.name:
        points[at] = _told(points[at], one.name, None)
    else:
        del points[at]


def _at(points: list[Resource], address: str) -> int:
    found = [at for at, one in enumerate(points) if one.get("value", "").lower() == address.lower()]
    if len(found) != 1 or not shapes.is_mailbox(points[found[0]]):
        raise PatchError(f"there is no mailbox {address} here", "not-found")
    return found[0]


def _told(held: Resource, name: str, value: Any) -> Resource:
    """A mailbox with another value of what is told by this name; None: nothing is told any more."""
    changed = copy.deepcopy(held)
    if name == "rank":
        changed.pop("rank", None)
        return changed if value is None else {**changed, "rank": value}
    part = next(one for one in changed["extension"] if one.get("url") == METADATA)
    part["extension"] = [one for one in part["extension"] if one.get("url") != name]
    if value is not None:
        part["extension"].append(_extension(name, value))
    return _mailbox(changed)


def _mailbox(point: object) -> Resource:
    """A ContactPoint that is a mailbox, in the form that is kept; raises PatchError."""
    if not isinstance(point, dict) or not shapes.is_mailbox(point):
        raise PatchError(
            "the value is no mailbox: system email, with the extension as-ext-mailbox-mss-metadata", "value"
        )
    address, rank = point.get("value"), point.get("rank")
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise PatchError(f"{address!r} is no address", "value")
    told = shapes.metadata(point)
    if told.get("type") not in ("PER", "ORG", "APP", "CAB"):
        raise PatchError(f"type {told.get('type')!r} is none of PER, ORG, APP, CAB", "code-invalid")
    if told["type"] == "PER" and told.get("responsible"):
        raise PatchError("a mailbox of a person has nobody responsible", "business-rule")
    parts = [_extension(name, value) for name, value in told.items()]
    kind = {"url": shapes.EMAIL_TYPE, "valueCoding": {"system": shapes.MESSAGING, "code": "MSSANTE"}}
    if rank is not None and (not isinstance(rank, int) or isinstance(rank, bool) or rank < 1):
        raise PatchError(f"rank {rank!r} is no positive number", "value")
    made = {"system": "email", "value": address, "extension": [kind, {"url": METADATA, "extension": parts}]}
    return made if rank is None else {**made, "rank": rank}


def _extension(name: str, value: Any) -> Resource:
    if isinstance(value, dict):
        value = next((one.get("code") for one in _dicts(value, "coding")), value.get("code"))
    if name not in _TOLD or not isinstance(value, _TOLD[name]):
        raise PatchError(f"{value!r} cannot be told as {name!r}", "value")
    if name == "type":
        return {"url": name, "valueCodeableConcept": {"coding": [{"system": shapes.BAL_TYPE, "code": value}]}}
    return {"url": name, "valueBoolean" if isinstance(value, bool) else "valueString": value}


def _check(changed: Resource) -> None:
    for box in filter(shapes.is_mailbox, changed["telecom"]):
        kind = shapes.metadata(box).get("type")
        if kind not in CARRIED[changed["resourceType"]]:
            raise PatchError(f"a {changed['resourceType']} carries no mailbox of type {kind}", "business-rule")


def _given(part: Resource) -> Any:
    return next((value for name, value in part.items() if name.startswith("value")), None)


def _dicts(resource: Resource, name: str) -> Iterator[Resource]:
    found = resource.get(name)
    return (one for one in found if isinstance(one, dict)) if isinstance(found, list) else iter(())
