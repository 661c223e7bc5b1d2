"""The lab's national directory as a process on loopback: the extraction and the FHIR interface, without TLS."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaguemestre.lab import registry
from vaguemestre.lab.extraction import Nation
from vaguemestre.lab.plan import FHIR_KEYS
from vaguemestre.lab.world.annuaire.edition import PATH
from vaguemestre.lab.world.annuaire.shapes import METADATA

_PROGRAMS = "/opt/lab"
_CALLS = 10_000  # a second: tests are quicker than the nation allows
NATION = Nation(130, seed=4)
READER, OPERATOR = "lab-lecture", "lab-operateur"
STRUCTURE = "1270000999"


@dataclass(frozen=True)
class NationServer:
    """`base` is its address, `folder` its data."""

    base: str
    folder: Path

    @property
    def extraction(self) -> str:
        return f"{self.base}{PATH}"

    def fetch(self, path: Path) -> tuple[Path, str]:
        """The extraction, brought to a file in this folder under its own name; and that."""
        connection = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=10)
        connection.request("GET", PATH)
        answer = connection.getresponse()
        name = str(answer.headers["Content-Disposition"]).partition("filename=")[2]
        (path / name).write_bytes(answer.read())
        connection.close()
        return path / name, name

    @property
    def fhir(self) -> str:
        return f"{self.base}/fhir/v2"

    def hold(self, lines: Iterable[str]) -> None:
        """Who is in the directory, besides what was changed by PATCH."""
        _put(self.folder / "extraction.txt", "".join(f"{line}\n" for line in lines))

    def fail(self, **faults: dict[str, Any]) -> None:
        """What goes wrong from now on, by service (`vaguemestre.lab.world.annuaire.faults`)."""
        _put(self.folder / "faults.json", json.dumps(faults))

    def record(self) -> list[dict[str, Any]]:
        """Each request so far."""
        path = self.folder / "record.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ask(self, path: str, key: str = READER) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a GET below the FHIR base."""
        return _asked(self.base, "GET", f"/fhir/v2/{path}", {"ESANTE-API-KEY": key})

    def patch(self, path: str, *operations: dict[str, Any], key: str = OPERATOR, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a PATCH with these operations (`insert`, `replace`, `delete`)."""
        body = {"resourceType": "Parameters", "parameter": list(operations)}
        told = {"ESANTE-API-KEY": key, "Content-Type": "application/fhir+json", **headers}
        return _asked(self.base, "PATCH", f"/fhir/v2/{path}", told, json.dumps(body).encode())


def mailbox(address: str, kind: str = "PER", **told: object) -> dict[str, Any]:
    """A ContactPoint that is a mailbox; `told` by the names of the guide."""
    parts: list[dict[str, Any]] = [{"url": "type", "valueCode": kind}]
    for name, value in told.items():
        parts.append({"url": name, "valueBoolean" if isinstance(value, bool) else "valueString": value})
    return {"system": "email", "value": address, "extension": [{"url": METADATA, "extension": parts}]}


def insert(kind: str, point: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """The operation that adds a mailbox to a resource of this type."""
    where, what = {"name": "index", "valueInteger": index}, {"name": "value", "valueContactPoint": point}
    return operation("insert", f"{kind}.telecom", where, what)


def delete(kind: str, address: str) -> dict[str, Any]:
    """The operation that takes a mailbox away."""
    return operation("delete", at(kind, address))


def replace(kind: str, address: str, told: str, value: object) -> dict[str, Any]:
    """The operation that changes what is told of a mailbox."""
    named = {"name": "value", "valueBoolean" if isinstance(value, bool) else "valueString": value}
    return operation("replace", f"{at(kind, address)}.extension('{METADATA}').extension('{told}').value", named)


def at(kind: str, address: str) -> str:
    """The path of a mailbox."""
    return f"{kind}.telecom.where(value = '{address}')"


def operation(verb: str, path: str, *parts: dict[str, Any]) -> dict[str, Any]:
    """A parameter of FHIRPath Patch."""
    told = [{"name": "type", "valueCode": verb}, {"name": "path", "valueString": path}, *parts]
    return {"name": "operation", "part": told}


@contextmanager
def serving(folder: Path, keys: Mapping[str, str] = FHIR_KEYS) -> Iterator[NationServer]:
    """A server with NATION in it, until the block ends; `keys` say who may ``read`` or ``write``, 17 calls/s each."""
    for one in registry.program():
        if one.path.startswith(_PROGRAMS):
            place = folder / one.path.removeprefix("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(one.content)
    _put(folder / "keys.json", json.dumps(dict(keys)))
    refresh(folder)
    # Without site-packages: the world host has Python alone.
    argv = [sys.executable, "-S", "-m", "vaguemestre.lab.world.annuaire", "0", str(folder), str(_CALLS)]
    process = subprocess.Popen(argv, cwd=folder / _PROGRAMS[1:], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        port = int(process.stdout.readline())
        yield NationServer(f"http://127.0.0.1:{port}", folder)
    finally:
        process.kill()
        process.communicate()


def refresh(folder: Path) -> None:
    """The data as they were at first."""
    _put(folder / "extraction.txt", "".join(f"{line}\n" for line in NATION.extraction()))
    _put(folder / "known.json", json.dumps({"persons": ["1000999"], "structures": {STRUCTURE: "CLINIQUE D'ESSAI"}}))
    for name in ("changes.json", "faults.json", "record.jsonl", "edition.json"):
        (folder / name).unlink(missing_ok=True)


def _asked(base: str, verb: str, path: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=10)
    connection.request(verb, path, body, headers)
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    return answer.status, json.loads(told)


def _put(path: Path, text: str) -> None:
    """At once, and with another time than before."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    time.sleep(0.002)
    draft.replace(path)
