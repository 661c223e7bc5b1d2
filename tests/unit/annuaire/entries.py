"""Lines of extractions, written by hand; everybody in them is invented."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from vaguemestre.host.annuaire.columns import COLUMNS
from vaguemestre.host.annuaire.line import Line
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.source import Source

HEADER = "|".join(COLUMNS)
NAME = "Extraction_Correspondance_MSSante_202610090513"

DOCTOR = Line(
    "PER", "camille.fictif@clinique.mssante.test", "8", "99900000001", "899900000001", "1", "990000001", "", "MME",
    "FICTIF", "Camille", "C", "Civil", "10", "Médecin", "SM04", "Cardiologie", "O", "CLINIQUE FICTIVE", "LES ORMES", "",
    "", "3", "BIS", "RUE", "DE L'ÉTANG", "", "27000 BOISVERT", "27000", "27", "FRANCE",
)  # fmt: skip
TEAM = DOCTOR._replace(
    kind="ORG", address="secretariat@clinique.mssante.test", person_kind="", person="", national_person="", title="",
    service="Secrétariat médical", family_name="", given_name="", category="", category_label="", profession="",
    profession_label="", speciality="", speciality_label="", paperless="N",
)  # fmt: skip


def text(*lines: Line | str) -> bytes:
    """An extraction of these lines."""
    return "".join(f"{one if isinstance(one, str) else '|'.join(one)}\n" for one in (HEADER, *lines)).encode()


def file(folder: Path, content: bytes, name: str = f"{NAME}.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(folder: Path, content: bytes, name: str = f"{NAME}.zip", member: str = f"{NAME}.txt") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return path


def read(path: Path) -> tuple[list[Line], Reading]:
    with Source(path) as source:
        reading = Reading(source)
        return [one.line for one in reading], reading


def numbers(reading: Reading) -> dict[str, list[int]]:
    """The first lines of each fault and remark."""
    return dict(reading.numbers)


def persons(addresses: Iterable[str]) -> list[Line]:
    return [DOCTOR._replace(address=one) for one in addresses]
