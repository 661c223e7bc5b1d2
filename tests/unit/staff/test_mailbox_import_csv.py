"""Lists of staff in CSV, as HR programs and spreadsheets write them: dirt that is tidied, and dirt that is refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from unicodedata import normalize

import pytest
from holders import rpps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stafflists import ANNE, DOMAIN, HEADER, PAUL, reading, wrong

from vaguemestre.staff.errors import SHOWN, StaffFileError
from vaguemestre.staff.text import twice_encoded

LINES = [f"Anne@{DOMAIN};{ANNE};ESSAI;Anne;Urgences", f"paul@{DOMAIN};{PAUL};MODÈLE;Paul;"]
NO_RPPS = "no column is known to hold it, and 1 of 1 mailboxes are persons' (PER)"
TEXT = "\n".join([HEADER, *LINES, ""])
SAID = [
    (2, {"address": f"anne@{DOMAIN}", "person": ANNE, "surname": "ESSAI", "given": "Anne", "service": "Urgences"}),
    (3, {"address": f"paul@{DOMAIN}", "person": PAUL, "surname": "MODÈLE", "given": "Paul", "service": ""}),
]


def said(folder: Path, content: str | bytes, **rules: object) -> list[tuple[int, dict[str, str]]]:
    found = reading(folder, content, **rules)
    assert not found.problems
    return [(row.line, dict(row.said)) for row in found.rows]


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.replace(";", ","),
        TEXT.replace(";", "\t"),
        TEXT.replace("\n", "\r\n"),
        TEXT.rstrip("\n"),
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.replace("ESSAI", '"ESSAI"').replace("Urgences", " Urgences\u00a0"),
        TEXT.replace(ANNE, "10 009 990\u00a0010"),
        TEXT.replace("\n", ";;\n").replace(HEADER + ";;", HEADER),
        TEXT + ";;;;\n\n",
        TEXT.replace("Adresse MSSanté", "ADRESSE_MSSANTE").replace("N° RPPS", "rpps").replace("Prénom", "givenName"),
    ],
)
def test_what_is_the_same_to_a_person_is_read_the_same(tmp_path: Path, content: str | bytes) -> None:
    assert said(tmp_path, content) == SAID


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    assert [line for line, _ in said(tmp_path, f"sep=;\n\n{TEXT}")] == [4, 5]
    broken = TEXT.replace("Urgences", '"Urgences\nadultes"').replace(PAUL, "12")
    assert [(line, field) for line, field, _ in wrong(tmp_path, broken)] == [
        (2, "service (Service)"),
        (4, "rpps (N° RPPS)"),
    ]


def test_windows_letters_are_read_when_the_inventory_says_so_and_never_guessed(tmp_path: Path) -> None:
    assert said(tmp_path, TEXT.encode("cp1252"), encoding="cp1252") == SAID
    assert wrong(tmp_path, TEXT.encode("cp1252")) == [(1, "(file)", "is not utf-8 from here on")]
    mixed = "is not utf-8, nor are 1 lines below, while 1 are: encodings are mixed"
    pasted = HEADER.encode() + b"\n\xe9;;;;\n;;;;\n\xe8;;;;\n"
    assert wrong(tmp_path, pasted) == [(2, "(file)", mixed)]


def test_utf8_read_as_windows_letters_is_seen(tmp_path: Path) -> None:
    found = wrong(
        tmp_path, TEXT.encode(), encoding="cp1252", columns={"address": "Adresse MSSantÃ©", "given": "PrÃ©nom"}
    )
    assert (3, "surname (Nom)", "was read in a wrong encoding on its way here") in found


def test_the_inventory_names_the_columns(tmp_path: Path) -> None:
    text = f"Mail;Boite;Ident\nanne@ailleurs.test;anne@{DOMAIN};{ANNE}\n"
    rules = {"columns": {"address": "boîte", "rpps": "IDENT"}}
    assert said(tmp_path, text, **rules) == [(2, {"address": f"anne@{DOMAIN}", "person": ANNE})]


@pytest.mark.parametrize(
    ("content", "rules", "expected"),
    [
        ("", {}, [(1, "(file)", "is empty")]),
        (HEADER, {}, [(1, "(file)", "has nobody with an address in it")]),
        (f"{HEADER}\n;;;;\n", {}, [(1, "(file)", "has nobody with an address in it")]),
        ("Nom;Prénom\na;b\n", {}, [(1, "address", "no column is known to hold the addresses")]),
        ("Nom;Nom\na;b\n", {}, [(1, "(header)", "names a column twice: Nom")]),
        (TEXT, {"columns": {"rpps": "Id"}}, [(1, "rpps", "there is no column Id, which the inventory names")]),
        (TEXT, {"columns": {"given": "Nom"}}, [(1, "given", "the column Nom is to hold another field too")]),
        (f"mail;nom\nanne@{DOMAIN};X\n", {}, [(1, "rpps", NO_RPPS)]),
        (f"{HEADER}\na;b\n", {}, [(2, "(line)", "has 2 cells, the header has 5")]),
        (f"{HEADER}\n;;;;;x\n", {}, [(2, "(line)", "has 6 cells, the header has 5")]),
        (f'{HEADER}\n"a;b\n', {}, [(2, "(line)", "is no CSV: unexpected end of data")]),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_read_as_a_whole_is_refused(
    tmp_path: Path, content: str, rules: dict[str, object], expected: list[tuple[int, str, str]]
) -> None:
    assert wrong(tmp_path, content, **rules) == expected


@pytest.mark.parametrize(
    ("column", "cell", "field", "expected"),
    [
        (0, "", "address", "is empty"),
        (0, "anne", "address", "is no address"),
        (0, f"an ne@{DOMAIN}", "address", "cannot be used"),
        (0, f"hélène@{DOMAIN}", "address", "cannot be used"),
        (0, f"anne)(mail=*@{DOMAIN}", "address", "cannot be used"),
        (0, f"abuse@{DOMAIN}", "address", "postmaster's"),
        (0, "anne@ailleurs.test", "address", "ailleurs.test is none of the establishment's domains"),
        (1, "", "rpps", "needs it"),
        (1, "1000999001", "rpps", "has 10 digits"),
        (1, "10009990018", "rpps", "key that does not fit"),
        (1, "1,0001E+10", "rpps", "rounded by a spreadsheet"),
        (1, "8" + ANNE, "rpps", "8 and the RPPS"),
        (1, "A0009990019", "rpps", "digits only"),
        (2, "=HYPERLINK()", "surname", "formula"),
        (2, "@SUM(1)", "surname", "formula"),
        (2, "ESSAI\x00", "surname", "control character"),
        (2, "ESSAI\u202e", "surname", "control character"),
        (2, "É" * 201, "surname", "201 characters"),
        (2, "HÃ©lÃ¨ne", "surname", "wrong encoding"),
    ],
)
def test_a_cell_that_cannot_be_is_told_with_line_and_column_and_never_repeats_a_number(
    tmp_path: Path, column: int, cell: str, field: str, expected: str
) -> None:
    cells = LINES[0].split(";")
    cells[column] = cell
    found = wrong(tmp_path, "\n".join([HEADER, ";".join(cells), LINES[1]]))
    assert [(line, name.split(" ")[0]) for line, name, _ in found] == [(2, field)]
    assert expected in found[0][2]
    assert field == "address" or not cell or cell not in found[0][2]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("CAB", ANNE, "", ""), [("description", "a mailbox of a practice (CAB) needs it")]),
        (("ORG", ANNE, "", ""), [("rpps", "a mailbox of type ORG belongs to a structure")]),
        (("ORG", "", "", ""), []),
        (("org", "", "270000999", ""), []),
        (("ORG", "", "70000999", ""), [("structure", "is neither FINESS nor SIRET: 8 characters")]),
        (("BAL", "", "", ""), [("type", "is no type of mailbox"), ("rpps", "a mailbox of a person (PER) needs it")]),
        (("APP", "", "", "2 Go"), [("quota", "is no quota")]),
        (("APP", "", "", "5"), [("quota", "is no quota")]),
    ],
)
def test_each_type_has_what_it_needs(tmp_path: Path, cells: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    text = f"bal;type;rpps;finess;quota;description\nx@{DOMAIN};{';'.join(cells)};\n"
    found = [(field.split(" ")[0], words) for _, field, words in wrong(tmp_path, text)]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("2A0000999", "12A0000999"),
        ("1270000999", "1270000999"),
        ("12345678900011", "312345678900011"),
        ("3" + "0" * 14, "3" + "0" * 14),
    ],
)
def test_a_structure_is_completed_to_its_national_id(tmp_path: Path, written: str, known: str) -> None:
    text = f"bal;type;finess\nx@{DOMAIN};ORG;{written}\n"
    assert said(tmp_path, text)[0][1]["structure"] == known


def test_an_address_or_an_rpps_twice_is_told_with_the_first_line(tmp_path: Path) -> None:
    text = "\n".join([TEXT.rstrip(), f"ANNE@{DOMAIN};{rpps(7)};X;Y;", f"b@{DOMAIN};{PAUL};X;Y;"])
    assert wrong(tmp_path, text) == [
        (4, "address (Adresse MSSanté)", "is that of line 2 already"),
        (5, "rpps (N° RPPS)", "is that of line 3 already"),
    ]


def test_ten_thousand_errors_are_all_found_and_a_page_of_them_is_told(tmp_path: Path) -> None:
    found = reading(tmp_path, "\n".join([HEADER, *(f"a{n}@{DOMAIN};{n};X;Y;" for n in range(10_000))])).problems
    assert len(found) == 10_000
    words = str(StaffFileError(found))
    assert words.startswith("10000 things are wrong in the list; nothing was done\n")
    assert words.endswith(f"and {10_000 - SHOWN} more ({10_000 - SHOWN} of rpps (N° RPPS)); --json tells all")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    from vaguemestre.people import StaffImport
    from vaguemestre.staff.reading import read

    with pytest.raises(StaffFileError, match="cannot be read: No such file"):
        read(tmp_path / "nobody.csv", StaffImport(), (DOMAIN,))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)), st.booleans())
def test_no_dirt_whatever_ends_in_anything_but_lines_and_ways_out(
    tmp_path: Path, dirt: str | bytes, after_header: bool
) -> None:
    data = dirt.encode(errors="surrogatepass") if isinstance(dirt, str) else dirt
    for line, field, words in wrong(tmp_path, (TEXT.encode() if after_header else b"") + data):
        assert line >= 1
        assert field
        assert words


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(categories=["L", "N"], include_characters=" '-;,\"\t"), min_size=1), min_size=1),
    st.sampled_from(";,\t"),
)
def test_what_a_spreadsheet_wrote_is_read_back(tmp_path: Path, names: list[str], separator: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator)
    writer.writerow(["mail", "rpps", "nom"])
    meant = [name for name in names if _harmless(name.strip())]
    for number, name in enumerate([*meant, "ESSAI"]):
        writer.writerow([f"a{number}@{DOMAIN}", rpps(number), name])
    rows = said(tmp_path, written.getvalue())
    assert [fields["surname"] for _, fields in rows] == [
        normalize("NFC", " ".join(name.split())) for name in [*meant, "ESSAI"]
    ]


def _harmless(name: str) -> bool:
    return bool(name) and name[0] not in "-=+@" and "\t" not in name and not twice_encoded(name)
