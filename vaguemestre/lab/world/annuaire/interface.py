"""The FHIR interface: reading in pages, and changing mailboxes by PATCH. Everything but the sockets.

An answer is a status, headers and a JSON object; what goes wrong is an OperationOutcome (FHIR R4).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from vaguemestre.lab.world.annuaire import patching, searching, shapes
from vaguemestre.lab.world.annuaire.patching import PatchError
from vaguemestre.lab.world.annuaire.register import Register, public
from vaguemestre.lab.world.annuaire.searching import SearchError
from vaguemestre.lab.world.annuaire.shapes import Resource

PATH = "/fhir/v2"
CALLS = 17
"""A second, for each key."""

_VERSION = re.compile(r'W/"(\d+)"')


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: Resource
    headers: dict[str, str] = field(default_factory=dict)


class Pace:
    """So many calls a second, by key."""

    def __init__(self, calls: int = CALLS) -> None:
        self._calls = calls
        self._seen: defaultdict[str, deque[float]] = defaultdict(deque)

    def exceeded(self, key: str) -> bool:
        """Count a call, unless there were enough in this second."""
        seen, now = self._seen[key], time.monotonic()
        while seen and seen[0] <= now - 1:
            seen.popleft()
        if len(seen) < self._calls:
            seen.append(now)
            return False
        return True


class Interface:
    """The interface over a register; `keys` says of each key whether it may ``read`` or ``write``."""

    def __init__(self, register: Register, keys: Mapping[str, str], calls: int = CALLS) -> None:
        self.register = register
        self._keys = keys
        self._pace = Pace(calls)
        self._one = threading.Lock()

    def answer(self, verb: str, base: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """`path` is what follows the base."""
        key = headers.get("ESANTE-API-KEY", "")
        right = self._keys.get(key)
        if right is None:
            return refused(401, "login", "no key, or an unknown one, in the header ESANTE-API-KEY")
        if self._pace.exceeded(key):
            return refused(429, "throttled", "more calls a second than are allowed", {"Retry-After": "1"})
        with self._one:
            self.register.refresh()
            try:
                if verb == "GET":
                    return self._read(base, path, query, whole=right == "write")
                if verb == "PATCH":
                    return self._change(right, path, query, headers, body)
            except SearchError as error:
                return refused(400, "invalid", str(error))
            except PatchError as error:
                return refused(error.status, error.code, str(error))
        return refused(405, "not-supported", f"{verb} is not offered")

    def _read(self, base: str, path: str, query: str, *, whole: bool) -> Answer:
        if path == "_page":
            kind, query, first = searching.page(dict(parse_qsl(query)).get("id", ""))
            return self._page(base, kind, query, first, whole=whole)
        kind, _, identity = path.partition("/")
        if kind not in searching.TYPES:
            return refused(404, "not-supported", f"Unknown resource type '{kind}'")
        if not identity:
            return self._page(base, kind, query, 0, whole=whole)
        found = self.register.resources.get(path)
        return _resource(found if whole else public(found)) if found else _missing(path)

    def _page(self, base: str, kind: str, query: str, first: int, *, whole: bool) -> Answer:
        known = self.register.resources
        for wanted in dict(parse_qsl(query)).get("identifier", "").split(","):
            if kind == "Practitioner" and wanted:
                self.register.person(wanted.rpartition("|")[2])
        seen = known if whole else {key: public(one) for key, one in known.items()}
        found = sorted(searching.matching(seen.values(), kind, query), key=lambda one: str(one["id"]))
        length = searching.count(query)
        shown = found[first : first + length]
        links = {"self": f"{base}/{kind}?{query}"}
        if first + length < len(found):
            links = {"next": f"{base}/_page?id={searching.token(kind, query, first + length)}", **links}
        return Answer(200, searching.bundle(base, shown, searching.included(shown, query, seen), len(found), links))

    def _change(self, right: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if right != "write":
            return refused(403, "forbidden", "this key may read only")
        if headers.get("Content-Type", "").partition(";")[0].strip() != "application/fhir+json":
            return refused(415, "not-supported", "Content-Type application/fhir+json is what is taken")
        key = self._target(path, query)
        held = self.register.resources.get(key)
        if held is None:
            return _missing(key)
        if (match := _VERSION.fullmatch(headers.get("If-Match", ""))) and match[1] != held["meta"]["versionId"]:
            return refused(412, "conflict", f"{key} is at version {held['meta']['versionId']}")
        try:
            wanted = patching.operations(json.loads(body))
        except ValueError as error:
            raise PatchError(f"the body is no JSON: {error}", "structure") from error
        changed = patching.patched(held, wanted)
        self._check_holders(key, changed)
        return _resource(self.register.accept(key, changed))

    def _target(self, path: str, query: str) -> str:
        """The key of what a path, or a condition, means; raises PatchError."""
        kind, _, identity = path.partition("/")
        if kind not in searching.TYPES:
            raise PatchError(f"Unknown resource type '{kind}'", "not-supported", 404)
        if identity:
            return path
        asked = parse_qsl(query)
        if len(asked) != 1 or asked[0][0] != "identifier" or "|" not in asked[0][1]:
            raise PatchError("a condition is ?identifier=system|value", "required")
        found = searching.matching(self.register.resources.values(), kind, query)
        if not found and kind == "Practitioner" and asked[0][1].startswith((shapes.RPPS, shapes.IDNPS)):
            key = self.register.person(asked[0][1].rpartition("|")[2])
            found = [self.register.resources[key]] if key else []
        if len(found) != 1:
            several = "fits several" if found else "fits nothing"
            raise PatchError(
                f"{kind}?{query} {several}", "multiple-matches" if found else "not-found", 412 if found else 404
            )
        return f"{kind}/{found[0]['id']}"

    def _check_holders(self, key: str, changed: Resource) -> None:
        """An address is one holder's, in however many roles."""
        known = self.register.resources
        had = {one["value"].lower() for one in known[key].get("telecom", [])}
        for box in filter(shapes.is_mailbox, changed["telecom"]):
            if box["value"].lower() in had:
                continue
            for other in self.register.holders(box["value"]):
                if self.register.person_of(known[other]) != self.register.person_of(changed):
                    raise PatchError(f"{box['value']} is somebody else's", "duplicate")


def refused(status: int, code: str, words: str, headers: dict[str, str] | None = None) -> Answer:
    """An OperationOutcome."""
    issue = {"severity": "error", "code": code, "diagnostics": words}
    return Answer(status, {"resourceType": "OperationOutcome", "issue": [issue]}, headers or {})


def _missing(key: str) -> Answer:
    return refused(404, "not-found", f"{key} is not known")


def _resource(found: Resource) -> Answer:
    return Answer(200, found, {"ETag": f'W/"{found["meta"]["versionId"]}"'})


def spoiled(answer: Answer, faults: Mapping[str, Any]) -> Answer:
    """A page as a broken server gives it: `next` leads elsewhere, `lost` entries are missing."""
    body = dict(answer.body)
    if "next" in faults and "link" in body:
        others = [one for one in body["link"] if one["relation"] != "next"]
        body["link"] = [{"relation": "next", "url": faults["next"]}, *others]
    if "lost" in faults and "entry" in body:
        body["entry"] = body["entry"][faults["lost"] :]
    return Answer(answer.status, body, answer.headers)
