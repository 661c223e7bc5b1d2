"""The lab's national directory as a process on loopback: the extraction and the FHIR interface, without TLS."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaguemestre.lab.extraction import Nation
from vaguemestre.lab.plan import FHIR_KEYS
from vaguemestre.lab.world.annuaire.edition import PATH

ROOT = Path(__file__).resolve().parents[3]
NATION = Nation(400, seed=4)
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
        return _asked(urllib.request.Request(f"{self.fhir}/{path}", headers={"ESANTE-API-KEY": key}))

    def patch(self, path: str, *operations: dict[str, Any], key: str = OPERATOR, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a PATCH with these operations, each given by the names of its parts."""
        parts = [[{"name": name, value[0]: value[1]} for name, value in one.items()] for one in operations]
        body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": one} for one in parts]}
        told = {"ESANTE-API-KEY": key, "Content-Type": "application/fhir+json", **headers}
        return _asked(urllib.request.Request(f"{self.fhir}/{path}", json.dumps(body).encode(), told, method="PATCH"))


@contextmanager
def serving(folder: Path) -> Iterator[NationServer]:
    """A server with NATION in it, until the block ends."""
    _put(folder / "extraction.txt", "".join(f"{line}\n" for line in NATION.extraction()))
    _put(folder / "known.json", json.dumps({"persons": ["1000999"], "structures": {STRUCTURE: "CLINIQUE D'ESSAI"}}))
    _put(folder / "keys.json", json.dumps(FHIR_KEYS))
    argv = [sys.executable, "-m", "vaguemestre.lab.world.annuaire", "0", str(folder)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        port = int(process.stdout.readline())
        yield NationServer(f"http://127.0.0.1:{port}", folder)
    finally:
        process.kill()
        process.communicate()


def _asked(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _put(path: Path, text: str) -> None:
    """At once, and with another time than before."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    time.sleep(0.002)
    draft.replace(path)
