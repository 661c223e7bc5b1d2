"""A report's page holds what was found, loads nothing, and no name in it becomes anything but a name."""

from __future__ import annotations

import html
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from unit.declared import HOSTED, OPERATOR, fleet
from unit.pki.desk import REQUEST, authority, key

from vaguemestre.reports import document
from vaguemestre.reports.page import Subject, page
from vaguemestre.reports.plain import plain
from vaguemestre.reports.signer import signer
from vaguemestre.reports.standing import Seen
from vaguemestre.verify.kept import Evidence, HostSeen, Verification

AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
HOST = HostSeen("mail.pasteur.mssante.test", "ab" * 32, "2026-11-20T08:12:00+00:00")
HOSTILE = "</dd><script>alert(1)</script>\u202e\x00"
FINE = Evidence("mail.headers_survive", "", (39, 40), "Headers survive", "passed", 1.0)
BAD = Evidence("mail.size_limit", "", (35,), "Size", "failed", 1.0, f"552 too large {HOSTILE}")
VOID = {"meta", "br", "hr", "img", "link", "input"}


def record(*evidence: Evidence, ended: datetime = AT, rehearsal: bool = False, who: str = "pasteur") -> Verification:
    return Verification(
        "20261123T140500Z-abcd", "behaviours", who, ended, ended, "jean@poste", "0.1.0", True, rehearsal, (HOST,),
        evidence,
    )  # fmt: skip


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    found = fleet(tmp_path, pasteur=OPERATOR, tilleuls=HOSTED)
    one = found.establishments[0]
    seen = Seen(record(FINE, BAD), None)
    return Subject(one, one, seen, {HOST.name: HOST.release}, signer(certificate()), AT, "0.1.0")


@cache
def certificate() -> object:
    return authority().issue(REQUEST, key=key(1)).leaf


def made(subject: Subject) -> str:
    return document.html(subject, ("fr", "en"), "pasteur.html", "national.pem")


class Read(HTMLParser):
    """Elements in their order, and whether each that was opened was closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_every_element_is_closed_in_its_turn_and_every_link_leads_somewhere(subject: Subject) -> None:
    read = Read(made(subject))
    assert (read.wrong, read.open) == ([], [])
    names = [attributes["id"] for _, attributes in read.seen if "id" in attributes]
    assert len(names) == len(set(names)) == 2 * 73 + 2
    assert {attributes["href"] for tag, attributes in read.seen if tag == "a"} <= {f"#{name}" for name in names}


def test_the_page_is_one_file_that_loads_and_runs_nothing(subject: Subject) -> None:
    """Nor does any element need more than its policy allows: no style attributes, no handlers."""
    read = Read(made(subject))
    tags = {tag for tag, _ in read.seen}
    names = {name for _, attributes in read.seen for name in attributes}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "style", "srcset"}
    assert not re.findall(r"url\(|@import|https?:", made(subject))


def test_no_name_becomes_anything_but_a_name(subject: Subject) -> None:
    hostile = subject.establishment.model_copy(
        update={"name": f"CH {HOSTILE}", "city": '"><img src=x onerror=alert(1)>'}
    )
    text = made(replace(subject, establishment=hostile, operator=subject.operator.model_copy(update={"name": HOSTILE})))
    tags = {tag for tag, _ in Read(text).seen}
    assert not tags & {"script", "img"}
    assert "\u202e" not in text
    assert "\x00" not in text
    assert html.escape("</dd><script>alert(1)</script>") in text


def test_both_languages_say_the_same_of_every_requirement(subject: Subject) -> None:
    french, english = page(subject, "fr"), page(subject, "en")
    assert [one.count for one in french.counts] == [one.count for one in english.counts]
    assert sum(one.count for one in french.counts) == 73
    assert [row.number for row in french.missing] == [row.number for row in english.missing]


def test_a_failure_comes_with_its_reason_and_first_of_all_that_is_missing_says_what_failed(subject: Subject) -> None:
    row = next(one for one in page(subject, "en").missing if one.number == 35)
    assert (row.badge.text, row.trouble) == ("Failed", "Size")
    assert "552 too large" in made(subject)


def test_who_ran_the_verification_is_not_told(subject: Subject) -> None:
    assert "jean" not in made(subject)
    assert "jean" not in str(plain(subject))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seen": Seen(None, None)}, "never been verified"),
        ({"seen": Seen(record(FINE, ended=AT - timedelta(days=31)), None)}, "more than 30 days old"),
        ({"now_live": {HOST.name: "cd" * 32}}, "release has changed"),
        ({"seen": Seen(record(FINE, rehearsal=True), None)}, "Rehearsal: made in a lab"),
        ({"signer": None}, "This report is not signed"),
    ],
)
def test_what_weakens_the_proof_is_said(subject: Subject, change: dict[str, object], words: str) -> None:
    assert words not in made(subject)
    assert words in made(replace(subject, **change))  # type: ignore[arg-type]


def test_a_hosts_release_that_nobody_could_tell_is_unknown_not_changed(subject: Subject) -> None:
    told = page(replace(subject, now_live={HOST.name: None}), "en")
    assert told.hosts[0].now == "unknown"
    assert not told.warnings


def test_the_signers_certificate_is_told_with_the_command_that_checks(subject: Subject) -> None:
    text = html.unescape(made(subject))
    assert "CN=mail.pasteur.mssante.test" in text
    assert "-content pasteur.html -CAfile national.pem" in text


def test_the_command_that_checks_can_be_typed_whatever_the_file_is_called(subject: Subject) -> None:
    text = html.unescape(document.html(subject, ("en",), "CH d'Évreux.html", "national.pem"))
    (command,) = (line.removesuffix("</code></pre>") for line in text.splitlines() if line.startswith("openssl"))
    words = shlex.split(command)
    assert words[words.index("-content") + 1] == "CH d'Évreux.html"
    assert words[words.index("-in") + 1] == "CH d'Évreux.html.p7s"


def test_programs_read_the_same_verdicts(subject: Subject) -> None:
    told = {one["number"]: one["verdict"] for one in plain(subject)["requirements"]}
    assert (told[39], told[35], told[45]) == ("proven", "failed", "uncovered")
