"""The lab's national directory, which the world host serves: who is in it, and what tests make it do.

The program is `vaguemestre.lab.world.annuaire`. Its data are a nation of a few hundred mailboxes, always the same; the
operators' structures; and people without a mailbox, whose RPPS numbers begin as in KNOWN. Mailboxes of the lab's own
operators come in by PATCH alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from vaguemestre.lab.extraction import Nation
from vaguemestre.lab.guests import BirthFile
from vaguemestre.lab.places import short_hash
from vaguemestre.lab.plan import FHIR_KEYS, OPERATOR_KEY, Plan

FOLDER = "/srv/annuaire"
LINES, SEED = 400, 4
KNOWN = ("1000999",)
"""How the RPPS numbers of people begin of whom the nation knows without a mailbox of theirs."""

_WORLD = Path(__file__).parent / "world"
_PROGRAM = _WORLD / "annuaire"
_MODULE = "vaguemestre/lab/world/annuaire"
_UNIT = "/etc/systemd/system/annuaire.service"


def program() -> tuple[BirthFile, ...]:
    """What the world host is born with."""
    return (
        *(BirthFile(f"/opt/lab/{_MODULE}/{one.name}", one.read_bytes()) for one in sorted(_PROGRAM.glob("*.py"))),
        BirthFile(_UNIT, (_WORLD / "annuaire.service").read_bytes()),
        BirthFile("/etc/systemd/system/multi-user.target.wants/annuaire.service", link=_UNIT),
    )


def data(plan: Plan) -> tuple[BirthFile, ...]:
    """Who is in the directory of a plan's nation."""
    structures = {request.structure: request.organisation for request in plan.certificates}
    return (
        BirthFile(f"{FOLDER}/extraction.txt", _text(Nation(LINES, SEED).extraction())),
        BirthFile(f"{FOLDER}/known.json", json.dumps({"persons": KNOWN, "structures": structures}).encode()),
        BirthFile(f"{FOLDER}/keys.json", json.dumps(FHIR_KEYS).encode()),
    )


def mark(plan: Plan) -> str:
    """Changes when there is somebody else in it."""
    return short_hash(*(file.content.decode() for file in data(plan)))


def ensure_key_of_interface(folder: Path) -> None:
    """Write the secret `annuaire.key` of a host whose folder this is, unless it has one."""
    key = folder / "annuaire.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(OPERATOR_KEY)


class Registry:
    """The directory at work in a lab that is up; its faults stay until `mend`."""

    def __init__(self, lay: Callable[[Iterable[BirthFile]], None], do: Callable[..., bytes]) -> None:
        self._lay = lay
        self._do = do

    def fail(self, *, extraction: dict[str, Any] | None = None, fhir: dict[str, Any] | None = None) -> None:
        """Let requests fail as `vaguemestre.lab.world.annuaire.faults` knows to; what is not named works again."""
        told = {"extraction": extraction or {}, "fhir": fhir or {}}
        self._lay([BirthFile(f"{FOLDER}/faults.json", json.dumps(told).encode())])

    def serve(self, name: str, content: bytes) -> None:
        """Serve these bytes as the extraction, under this file name."""
        self._do("sh", "-c", f"rm -rf {FOLDER}/served && mkdir {FOLDER}/served")
        self._lay([BirthFile(f"{FOLDER}/served/{name}", content)])

    def hold(self, lines: Iterable[str]) -> None:
        """Let the nation consist of these lines, header first, and of what was accepted by PATCH."""
        self._lay([BirthFile(f"{FOLDER}/extraction.txt", _text(lines))])

    def record(self) -> list[dict[str, Any]]:
        """Each request since the last `forget_record`: time, verb, path, status, size."""
        told = self._do("sh", "-c", f"cat {FOLDER}/record.jsonl 2>/dev/null || true")
        return [json.loads(line) for line in told.splitlines()]

    def forget_record(self) -> None:
        """Begin the record anew."""
        self._do("rm", "-f", f"{FOLDER}/record.jsonl")

    def forget_changes(self) -> None:
        """As if nobody had published anything."""
        self._do("rm", "-f", f"{FOLDER}/changes.json")

    def mend(self) -> None:
        """Serve what is held, and serve it well."""
        self._do("rm", "-rf", f"{FOLDER}/served", f"{FOLDER}/faults.json")


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
