"""Lines: cleaned of dirt, or passed over and counted; nothing in a file may stop the pass or be lost silently."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from entries import DOCTOR, HEADER, TEAM, file, numbers, persons, read, text
from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.host.annuaire.cleaning import mended
from vaguemestre.host.annuaire.columns import COLUMNS
from vaguemestre.host.annuaire.line import Line
from vaguemestre.host.annuaire.mailbox import Activity, Place
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.source import ExtractionError, Source


def test_a_line_is_a_mailbox_with_one_activity() -> None:
    mailbox = DOCTOR.mailbox
    (activity,) = mailbox.activities
    assert (mailbox.address, mailbox.kind, mailbox.paperless) == ("camille.fictif@clinique.mssante.test", "PER", True)
    assert mailbox.domain == "clinique.mssante.test"
    assert (activity.person, activity.structure, activity.family_name) == ("99900000001", "990000001", "FICTIF")
    assert (activity.profession_label, activity.speciality_label) == ("Médecin", "Cardiologie")
    assert (activity.place.street, activity.place.city) == ("3 BIS RUE DE L'ÉTANG", "BOISVERT")
    assert TEAM.mailbox.activities[0].service == "Secrétariat médical"


def test_the_columns_of_a_line_are_those_of_the_file() -> None:
    assert len(Line._fields) == len(COLUMNS)
    assert len(Activity._fields) - 1 + len(Place._fields) + 2 == len(COLUMNS)


@pytest.mark.parametrize(
    "dirty",
    [
        "|".join(DOCTOR) + "|",
        "|".join(DOCTOR) + "\r",
        "|".join(f" {one} " for one in DOCTOR),
        "|".join(f'"{one}"' for one in DOCTOR),
        "|".join(DOCTOR).replace("CLINIQUE FICTIVE", "CLINIQUE \u00a0 FICTIVE\t"),
        "|".join(DOCTOR).replace("CLINIQUE FICTIVE", "\u202eCLINIQUE\u200b FICTIVE\u2028"),
        "|".join(DOCTOR).replace("FICTIF|", "\x1b\x07FICTIF\x9b|"),
        "|".join(DOCTOR).replace("camille.fictif@clinique.mssante", "Camille.FICTIF@Clinique.MSSante"),
    ],
)
def test_dirt_is_cleaned_away(tmp_path: Path, dirty: str) -> None:
    lines, reading = read(file(tmp_path, text(TEAM, dirty, TEAM)))
    assert lines == [TEAM, DOCTOR, TEAM]
    assert not reading.faults
    assert not reading.remarks


def test_a_domain_in_letters_of_a_language_becomes_a_labels(tmp_path: Path) -> None:
    (line,), _ = read(file(tmp_path, text(DOCTOR._replace(address="a@Hôpital.mssante.test"))))
    assert line.address == "a@xn--hpital-ixa.mssante.test"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"LES ORMES"', "LES ORMES"),
        ('"CLINIQUE ""LES ORMES"""', 'CLINIQUE "LES ORMES"'),
        ('CLINIQUE "LES ORMES"', 'CLINIQUE "LES ORMES"'),
        ('"LES ORMES" ET "LES LILAS"', '"LES ORMES" ET "LES LILAS"'),
        ('"LES | ORMES"', "LES | ORMES"),
        ('5" DE LARGE', '5" DE LARGE'),
        ('""', ""),
    ],
)
def test_quotes_around_a_field_go_and_words_in_quotes_stay(written: str, meant: str) -> None:
    line = "|".join(DOCTOR._replace(trade_name=written))
    assert mended(line) == list(DOCTOR._replace(trade_name=meant))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "columns"),
        ("|".join(DOCTOR[:-1]), "columns"),
        ("|".join(DOCTOR[:12]), "columns"),
        ("|".join((*DOCTOR, "more")), "columns"),
        ("|".join(DOCTOR._replace(kind="BAL")), "type"),
        ("|".join(DOCTOR._replace(kind="per")), "type"),
        *(
            ("|".join(DOCTOR._replace(address=one)), "address")
            for one in ("", "camille", "@clinique.test", "a@", "a@b@c.test", "a b@c.test", ".a@c.test", "a.@c.test",
                        "a..b@c.test", "é@c.test", "a@c_d.test", "a@[192.0.2.1]", "<a@c.test>", "a" * 250 + "@c.test")
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_passed_over_and_its_number_told(tmp_path: Path, line: str, fault: str) -> None:
    lines, reading = read(file(tmp_path, text(DOCTOR, line, TEAM)))
    assert lines == [DOCTOR, TEAM]
    assert dict(reading.faults) == {fault: 1}
    assert numbers(reading) == {fault: [3]}


@pytest.mark.parametrize("service", ["", '"Bloc"', "Bloc|nord"])
def test_a_line_says_the_same_whole_as_in_parts(tmp_path: Path, service: str) -> None:
    written = [DOCTOR, DOCTOR._replace(service=f'"{service}"' if "|" in service else service), DOCTOR]
    path = file(tmp_path, text(*written))
    with Source(path) as source:
        found = list(Reading(source))
    assert [one.line.text for one in found] == [one.text for one in found]
    assert [one.line.mailbox for one in found] == [one.mailbox for one in found]
    assert found[1].mailbox.activities[0].service == service.strip('"')


def test_one_line_in_another_encoding_costs_that_line_only(tmp_path: Path) -> None:
    content = text(DOCTOR, TEAM, DOCTOR).split(b"\n")
    content[2] = "|".join(TEAM).encode("latin-1")
    lines, reading = read(file(tmp_path, b"\n".join(content)))
    assert lines == [DOCTOR, DOCTOR]
    assert numbers(reading) == {"encoding": [3]}


@pytest.mark.parametrize("cut", [4, 120])
def test_a_last_line_cut_short_is_told_as_such(tmp_path: Path, cut: int) -> None:
    whole = text(DOCTOR, TEAM)
    lines, reading = read(file(tmp_path, whole[: len(whole) - len("|".join(TEAM)) + cut]))
    assert lines == [DOCTOR]
    assert reading.truncated
    assert numbers(reading) == {"truncated": [3]}


def test_a_last_line_that_is_whole_needs_no_line_end(tmp_path: Path) -> None:
    lines, reading = read(file(tmp_path, text(DOCTOR, TEAM).removesuffix(b"\n")))
    assert lines == [DOCTOR, TEAM]
    assert not reading.truncated


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        (DOCTOR._replace(person=""), "person"),
        (TEAM._replace(structure=""), "structure"),
        (DOCTOR._replace(paperless="peut-être"), "paperless"),
    ],
)
def test_what_is_strange_counts_and_is_remarked(tmp_path: Path, line: Line, remark: str) -> None:
    lines, reading = read(file(tmp_path, text(line)))
    assert len(lines) == 1
    assert lines[0].mailbox.address == line.address
    assert numbers(reading) == {remark: [2]}


def test_only_the_first_numbers_are_kept(tmp_path: Path) -> None:
    _, reading = read(file(tmp_path, text(*["not a line"] * 1_000)))
    assert reading.faults["columns"] == reading.lines == 1_000
    assert numbers(reading) == {"columns": [2, 3, 4, 5, 6]}


def test_numbers_hold_across_the_blocks_of_a_long_file(tmp_path: Path) -> None:
    lines = persons(f"p{one}@clinique.mssante.test" for one in range(4_000))
    broken = [*lines[:3_500], "broken", *lines[3_500:]]
    found, reading = read(file(tmp_path, text(*broken)))
    assert found == lines
    assert numbers(reading) == {"columns": [3_502]}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=80) | st.just("|".join(DOCTOR).encode()), max_size=12))
def test_no_content_stops_the_pass_and_every_line_is_accounted_for(some: list[bytes]) -> None:
    body = b"\n".join(one.replace(b"\n", b"") for one in some)
    with tempfile.TemporaryDirectory() as folder:
        lines, reading = read(file(Path(folder), HEADER.encode() + b"\n" + body))
    assert reading.lines == body.count(b"\n") + (not body.endswith(b"\n") and bool(body))
    assert len(lines) + reading.faults.total() == reading.lines
    assert {len(one) for one in lines} <= {len(COLUMNS)}


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets_are_an_extraction_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(ExtractionError):
        read(file(Path(folder), content))


WORDS = st.text(st.sampled_from("aé'’Z 0\"-\t\u00a0\u202e"), max_size=12).map(lambda one: one.replace('"', ""))


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS, min_size=11, max_size=11))
def test_cleaning_what_is_clean_changes_nothing(place: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (once,), _ = read(file(Path(folder), text("|".join((*DOCTOR[:20], *place)))))
        assert read(file(Path(folder), text(once)))[0] == [once]


ADDRESSES = st.text("aA0.@é -_'!", min_size=1, max_size=12) | st.sampled_from(["a@C.test", "a@c.test.", "a@é.test"])


@settings(max_examples=60, deadline=None)
@given(st.lists(ADDRESSES, min_size=1, max_size=4))
def test_an_address_is_judged_alike_alone_and_among_others(addresses: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        alone = [read(file(Path(folder), text(one)))[0] for one in persons(addresses)]
        together, _ = read(file(Path(folder), text(*persons(addresses))))
    assert together == [line for lines in alone for line in lines]
