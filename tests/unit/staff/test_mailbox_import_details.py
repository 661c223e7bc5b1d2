"""What a list of staff may say beside who somebody is: the profession, the paper, the establishment's own number."""

from __future__ import annotations

from pathlib import Path

import pytest
from stafflists import ANNE, DOMAIN

from vaguemestre.people import StaffImport
from vaguemestre.staff.errors import StaffFileError
from vaguemestre.staff.reading import Reading, read

STRUCTURE = "1270000999"


def listed(folder: Path, header: str, *cells: str, **rules: object) -> Reading:
    file = folder / "staff.csv"
    lines = [f"a{number}@{DOMAIN};{cell}" for number, cell in enumerate(cells)]
    file.write_text("\n".join([f"mail;{header}", *lines, ""]))
    return read(file, StaffImport.model_validate(rules), (DOMAIN,), STRUCTURE)


def said(folder: Path, header: str, cell: str) -> dict[str, str]:
    found = listed(folder, header, cell)
    assert not found.problems
    return {name: value for name, value in found.rows[0].said.items() if name != "address"}


@pytest.mark.parametrize(
    ("header", "cell", "expected"),
    [
        ("RPPS;Code profession;Code savoir-faire", f"{ANNE};10;sm26", {"profession": "10", "speciality": "SM26"}),
        ("RPPS;Zéro papier", f"{ANNE};oui", {"paperless": "O"}),
        ("RPPS;Dématérialisation", f"{ANNE};N", {"paperless": "N"}),
        ("RPPS;Dématérialisation", f"{ANNE};", {}),
        ("RPPS;Rang", f"{ANNE};2", {"rank": "2"}),
    ],
)
def test_details_are_found_by_their_usual_names(
    tmp_path: Path, header: str, cell: str, expected: dict[str, str]
) -> None:
    assert said(tmp_path, header, cell) == {"person": ANNE, **expected}


def test_who_has_no_rpps_is_known_by_the_establishments_own_number(tmp_path: Path) -> None:
    found = listed(tmp_path, "RPPS;Matricule", f"{ANNE};77", ";A-12 34", ";")
    assert [row.said["person"] for row in found.rows] == [ANNE, "3270000999/A-1234"]
    assert [(one.line, one.field) for one in found.problems] == [(4, "rpps (RPPS)")]
    assert "staff_id" in found.problems[0].way_out


def test_a_list_without_any_rpps_is_a_list_when_it_has_numbers_of_its_own(tmp_path: Path) -> None:
    assert said(tmp_path, "matricule", "0042") == {"person": "3270000999/0042"}
    other = listed(tmp_path, "matricule;siret", "0042;12345678900011").rows[0].said
    assert other["person"] == "512345678900011/0042"


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("matricule", "1,2E+5"),
        ("matricule", "12/34"),
        ("matricule", "*)(uid=*"),
        ("code profession", "Infirmier libéral"),
        ("code savoir-faire", "=1+1"),
        ("zéro papier", "peut-être"),
        ("rang", "0"),
        ("rang", "premier"),
    ],
)
def test_what_is_no_code_is_told_without_being_repeated(tmp_path: Path, column: str, cell: str) -> None:
    (problem,) = listed(tmp_path, f"RPPS;{column}", f"{ANNE};{cell}").problems
    assert problem.line == 2
    assert column in problem.field
    assert cell not in problem.wrong


# LDAP filters (RFC 4515), spreadsheets, terminals, LDIF, XML, shells, and headers of mail.
HOSTILE = (
    "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\uff1d1+1", "\x1b]0;x\x07", "a\r\nBcc: x@y.test", "a\u2028b",
    "a\u202eb", "a\x00b", "a\x7fb", "a\u200bb",
)  # fmt: skip
HARMLESS = ("*)(uid=*))(|(uid=*", "a\\2a", "<script>", "$(reboot)", "%{user}", "O'BRIEN", 'dite "Nan"', "1=1")


@pytest.mark.parametrize("field", ["nom", "prenom", "nom affiché", "service", "responsable", "description"])
@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_later_reader_might_obey_is_refused_in_every_text(tmp_path: Path, field: str, text: str) -> None:
    quoted = text.replace('"', '""')
    found = listed(tmp_path, f"RPPS;{field}", f'{ANNE};"{quoted}"').problems
    assert [one.field.rpartition("(")[2].rstrip(")") for one in found] == [field]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_dangerous_is_kept_as_it_is(tmp_path: Path, text: str) -> None:
    quoted = text.replace('"', '""')
    assert said(tmp_path, "RPPS;description", f'{ANNE};"{quoted}"')["description"] == text


def test_a_column_for_a_detail_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StaffFileError, match="no column Métier"):
        listed(tmp_path, "RPPS", ANNE, columns={"profession": "Métier"})
