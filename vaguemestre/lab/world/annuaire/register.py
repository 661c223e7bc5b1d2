"""What the nation knows: who exists and which mailboxes they have, from a file of lines and the changes accepted since.

Folder: extraction.txt the lines of the day it began with; known.json who exists besides, without a mailbox
({"persons": [beginnings of RPPS numbers], "structures": {identifier: name}}); changes.json what was accepted.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from vaguemestre.lab.world.annuaire import shapes
from vaguemestre.lab.world.annuaire.shapes import Resource

BEGUN = "2026-10-09T03:13:00.000+00:00"
"""When what is in the file was last changed."""


class Register:
    """All resources, by ``Type/id``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark: tuple[int, ...] = ()
        self._base: dict[str, Resource] = {}
        self._lines: dict[tuple[str, str], list[str]] = {}
        self._accepted = folder / "changes.json"
        self._changes: dict[str, Resource] = {}
        self.resources: dict[str, Resource] = {}

    def refresh(self) -> None:
        """Read the files again if somebody changed them."""
        files = (self._folder / "extraction.txt", self._folder / "known.json")
        mark = tuple(_mark(one) for one in (*files, self._accepted))
        if mark == self._mark:
            return
        self._changes = json.loads(self._accepted.read_text()) if self._accepted.exists() else {}
        before, self._base, self._lines = self._base, {}, {}
        for text in (self._folder / "extraction.txt").read_text().splitlines()[1:]:
            self._learn(text)
        self._learn_structures()
        self._date(before)
        self._mark = mark
        self.resources = {**self._base, **self._changes}

    def person(self, rpps: str) -> str:
        """The key of somebody who exists though no line tells of them; empty when nobody does."""
        number = rpps[1:] if len(rpps) == 12 else rpps
        known = json.loads((self._folder / "known.json").read_text())
        key = f"Practitioner/003-{number}"
        if len(number) != 11 or not number.isdigit() or not number.startswith(tuple(known["persons"])):
            return ""
        if key not in self.resources:
            row = [""] * 31
            row[3], row[9], row[10] = number, f"PERSONNE {number}", "Connue"
            made = shapes.practitioner(row)
            made["meta"] |= {"versionId": "1", "lastUpdated": BEGUN}
            self._base[key] = self.resources[key] = made
        return key

    def accept(self, key: str, changed: Resource) -> Resource:
        """Take a resource in its new form; returns it with its new version."""
        meta = self.resources[key]["meta"]
        version = str(int(meta["versionId"]) + 1)
        changed = {**changed, "meta": {**meta, "versionId": version, "lastUpdated": _now()}}
        self._changes[key] = self.resources[key] = changed
        draft = self._accepted.with_suffix(".new")
        draft.write_text(json.dumps(self._changes))
        draft.replace(self._accepted)
        self._mark = (*self._mark[:2], _mark(self._accepted))
        return changed

    def holders(self, address: str) -> list[str]:
        """The keys of resources that have a mailbox of this address."""
        wanted = address.lower()
        return [key for key, one in self.resources.items() for box in mailboxes(one) if _address(box) == wanted]

    def person_of(self, carrier: Resource) -> Resource | None:
        """Who has what this resource carries."""
        if carrier["resourceType"] == "Practitioner":
            return carrier
        return self.resources.get(carrier.get("practitioner", {}).get("reference", ""))

    def lines(self) -> Iterator[str]:
        """The extraction: persons and teams that may be found; as it was where nothing changed."""
        for key, carrier in self.resources.items():
            structure = self.resources.get(carrier.get("organization", {}).get("reference", ""))
            for box in mailboxes(carrier):
                told = shapes.metadata(box)
                if told.get("type") not in ("PER", "ORG") or told.get("listeRouge"):
                    continue
                if box in mailboxes(self._base.get(key, {})):
                    yield from self._lines[key, _address(box)]
                else:
                    yield shapes.line(carrier, box, self.person_of(carrier), structure)

    def _learn(self, text: str) -> None:
        row = shapes.cells(text)
        found = list(shapes.carriers(row))
        for one in found:
            self._base.setdefault(_key(one), one)
        if not found:
            return
        carrier, box = self._base[_key(found[0])], shapes.telecom(row)
        if _address(box) not in map(_address, mailboxes(carrier)):
            carrier.setdefault("telecom", []).append(box)
        self._lines.setdefault((_key(carrier), _address(box)), []).append(text)

    def _learn_structures(self) -> None:
        known = json.loads((self._folder / "known.json").read_text())
        for identity, name in known["structures"].items():
            row = [""] * 31
            row[5], row[6], row[18], row[30] = identity[:1], identity[1:], name, "FRANCE"
            made = shapes.organization(row)
            self._base.setdefault(_key(made), made)

    def _date(self, before: dict[str, Resource]) -> None:
        """Each resource as old as its content; who lost all mailboxes is still somebody."""
        for key, one in self._base.items():
            held = before.get(key)
            same = held is not None and {**held, "meta": one["meta"]} == one
            one["meta"] |= (
                {name: held["meta"][name] for name in ("versionId", "lastUpdated")}
                if same and held
                else {"versionId": "2" if before else "1", "lastUpdated": _now() if before else BEGUN}
            )
        for key in before.keys() - self._base.keys():
            gone = copy.deepcopy(before[key])
            gone.pop("telecom", None)
            gone["meta"] |= {"lastUpdated": _now()}
            self._base[key] = gone


def mailboxes(resource: Resource) -> list[Resource]:
    """The mailboxes of the trust space that a resource carries."""
    return [one for one in resource.get("telecom", []) if shapes.is_mailbox(one)]


def public(resource: Resource) -> Resource:
    """A resource as everybody sees it: no mailbox of the red list, nobody responsible (IG, public profiles)."""
    if "telecom" not in resource:
        return resource
    hidden = {"responsible"} | ({"listeRouge"} if resource["resourceType"] != "Organization" else set())
    return {**resource, "telecom": [_public(one, hidden) for one in resource["telecom"] if not _red(one)]}


def _public(point: Resource, hidden: set[str]) -> Resource:
    """A ContactPoint without what is hidden of a mailbox."""
    shown = [
        {**one, "extension": [part for part in one["extension"] if part.get("url") not in hidden]}
        if one.get("url") == shapes.METADATA
        else one
        for one in point.get("extension", [])
    ]
    return {**point, "extension": shown} if shown else point


def _red(point: Resource) -> bool:
    return shapes.is_mailbox(point) and bool(shapes.metadata(point).get("listeRouge"))


def _key(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _address(box: Resource) -> str:
    return str(box.get("value", "")).lower()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _mark(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0
