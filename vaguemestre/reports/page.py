"""What a report's page shows, as prepared values in one language: its template only loops over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vaguemestre.establishment import Establishment
from vaguemestre.reports.requirements import catalogue
from vaguemestre.reports.signer import Signer
from vaguemestre.reports.standing import Item, Seen, Standing, Verdict, beyond, standings
from vaguemestre.reports.wording import Language, Words
from vaguemestre.verify.kept import Verification

OLD = timedelta(days=30)
_LONGEST = 600  # characters of a reason; the records hold the whole
_STYLES = {
    Verdict.PROVEN: "good",
    Verdict.PARTLY: "wait",
    Verdict.FAILED: "bad",
    Verdict.OPEN: "wait",
    Verdict.KIT: "kit",
    Verdict.KIT_PARTLY: "kit",
    Verdict.UNCOVERED: "quiet",
}
_MARKS = {"passed": ("✓", "good"), "failed": ("✗", "bad"), "skipped": ("–", "quiet"), "missing": ("–", "quiet")}


@dataclass(frozen=True)
class Subject:
    """Whom a report is about and what it stands on. `now_live` are releases by host name, as they are at `at`."""

    establishment: Establishment
    operator: Establishment
    seen: Seen
    now_live: Mapping[str, str | None]
    signer: Signer | None
    at: datetime
    kit: str

    @property
    def rehearsal(self) -> bool:
        """Whether its evidence, or its signature, comes from a lab."""
        return any(one.rehearsal for one in self.seen.records) or self.establishment.settings.lab is not None


@dataclass(frozen=True)
class Fact:
    """A name and its value; `code`: the value is for programs."""

    name: str
    value: str
    code: bool = False


@dataclass(frozen=True)
class Badge:
    """A word in a colour; `count` at the head of the page."""

    style: str
    text: str
    count: int = 0


@dataclass(frozen=True)
class Line:
    """One thing that was tried."""

    mark: str
    style: str
    outcome: str
    sentence: str
    reason: str


@dataclass(frozen=True)
class Lines:
    """What was tried beyond the catalogue; as `Row` has it."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Row:
    """One requirement."""

    anchor: str
    number: int
    title: str
    badge: Badge
    required: str
    basis: str
    tested: str
    lines: tuple[Line, ...]
    kit: tuple[str, ...]
    lacks: str
    trouble: str
    date: str


@dataclass(frozen=True)
class Section:
    """A chapter of the catalogue."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class HostRow:
    """A host, its release when it was verified and now."""

    name: str
    release: str
    since: str
    now: str


@dataclass(frozen=True)
class Page:
    """The whole report in one language."""

    language: Language
    other: str
    words: Words
    title: str
    warnings: tuple[str, ...]
    counts: tuple[Badge, ...]
    missing: tuple[Row, ...]
    facts: tuple[Fact, ...]
    hosts: tuple[HostRow, ...]
    sections: tuple[Section, ...]
    beyond: tuple[Lines, ...]
    signature: tuple[Fact, ...]
    footer: str


def page(subject: Subject, language: Language, other: str = "") -> Page:
    """The report on this subject in this language; `other` is the language that the same file holds too, if any."""
    words = Words(language)
    found = standings(catalogue(), subject.seen)
    rows = {number: _row(one, words) for number, one in found.items()}
    return Page(
        language=language,
        other=other,
        words=words,
        title=f"{subject.establishment.name} ({subject.establishment.city})",
        warnings=tuple(_warnings(subject, words)),
        counts=_counts(found.values(), words),
        missing=tuple(rows[number] for number, one in found.items() if one.verdict in _MISSING),
        facts=tuple(_facts(subject, words)),
        hosts=tuple(_hosts(subject, words)),
        sections=tuple(
            Section(words.of(chapter.title), tuple(rows[one.number] for one in chapter.requirements))
            for chapter in catalogue()
        ),
        beyond=tuple(_beyond(subject.seen, words)),
        signature=tuple(_signature(subject.signer, words)),
        footer=words["made_by"].format(subject.kit),
    )


_MISSING = (Verdict.FAILED, Verdict.PARTLY, Verdict.OPEN, Verdict.KIT_PARTLY, Verdict.UNCOVERED)


def _row(one: Standing, words: Words) -> Row:
    requirement = one.requirement
    return Row(
        anchor=f"{words.language}-{requirement.number}",
        number=requirement.number,
        title=words.of(requirement.title),
        badge=_badge(one.verdict, words),
        required=words.of(requirement.required),
        basis=", ".join(words[f"basis_{basis.value}"] for basis in requirement.basis),
        tested=words.of(requirement.tested),
        lines=tuple(_line(item, words) for item in one.items),
        kit=requirement.kit,
        lacks=words.of(requirement.lacks) if requirement.lacks else "",
        trouble=_trouble(one, words),
        date=words.time(one.at) if one.at else "",
    )


def _trouble(one: Standing, words: Words) -> str:
    """What there is to mend: what failed, or else what nothing proves, or else what was not tried here."""
    failed = [words.of(item.sentence) for item in one.items if item.outcome == "failed"]
    if failed:
        return " ; ".join(failed)
    if one.requirement.lacks:
        return words.of(one.requirement.lacks)
    untried = sum(item.outcome != "passed" for item in one.items)
    return words["untried"].format(untried, len(one.items)) if untried else ""


def _line(item: Item, words: Words) -> Line:
    mark, style = _MARKS[item.outcome]
    reason = item.reason if len(item.reason) <= _LONGEST else f"{item.reason[:_LONGEST]} …"
    return Line(mark, style, words[f"outcome_{item.outcome}"], words.of(item.sentence), reason)


def _badge(verdict: Verdict, words: Words, count: int = 0) -> Badge:
    return Badge(_STYLES[verdict], words[f"verdict_{verdict.value}"], count)


def _counts(found: Iterable[Standing], words: Words) -> tuple[Badge, ...]:
    """All verdicts that there are, and the first and the failures even when there are none."""
    numbers = Counter(one.verdict for one in found)
    return tuple(
        _badge(one, words, numbers[one]) for one in Verdict if numbers[one] or one in (Verdict.PROVEN, Verdict.FAILED)
    )


def _warnings(subject: Subject, words: Words) -> Iterator[str]:
    if subject.rehearsal:
        yield words["rehearsal"]
    verified = subject.seen.behaviours
    if verified is None:
        yield words["not_verified"]
    elif subject.at - verified.ended > OLD:
        yield words["old"]
    if verified and any(_changed(subject, one.name, one.release) for one in verified.hosts):
        yield words["changed"]


def _changed(subject: Subject, host: str, verified: str | None) -> bool:
    now = subject.now_live.get(host)
    return now is not None and now != verified


def _facts(subject: Subject, words: Words) -> Iterator[Fact]:
    one = subject.establishment
    plain = {"name": one.name, "city": one.city, "department": one.department, "region": one.region}
    yield from (Fact(words[name], value) for name, value in plain.items())
    yield Fact(words["finess"], one.finess, code=True)
    yield Fact(words["domains"], ", ".join(domain.name for domain in one.domains), code=True)
    if subject.operator != one:
        yield Fact(words["operator"], subject.operator.name)
    yield Fact(words["verified_on"], _when(subject, subject.seen.behaviours, words))
    yield Fact(words["audited_on"], _audited(subject, words))
    yield Fact(words["made_on"], words.time(subject.at))
    yield Fact(words["kit"], subject.seen.behaviours.kit if subject.seen.behaviours else subject.kit)


def _when(subject: Subject, record: Verification | None, words: Words) -> str:
    if record is None:
        return words["never"]
    return f"{words.time(record.ended)} ({words.age(record.ended, subject.at)})"


def _audited(subject: Subject, words: Words) -> str:
    audit, told = subject.seen.audit, _when(subject, subject.seen.audit, words)
    others = audit is not None and audit.establishment != subject.establishment.slug
    return words["audited_operator"].format(told, subject.operator.name) if others else told


def _hosts(subject: Subject, words: Words) -> Iterator[HostRow]:
    for one in subject.seen.behaviours.hosts if subject.seen.behaviours else ():
        now = subject.now_live.get(one.name)
        changed = now[:12] if now and now != one.release else words["same"] if now else words["unknown"]
        yield HostRow(one.name, (one.release or words["unknown"])[:12], _since(one.since, words), changed)


def _since(text: str | None, words: Words) -> str:
    return words.time(datetime.fromisoformat(text)) if text else ""


def _beyond(seen: Seen, words: Words) -> Iterator[Lines]:
    if found := beyond(seen):
        yield Lines(tuple(_line(one, words) for one in found))


def _signature(signer: Signer | None, words: Words) -> Iterator[Fact]:
    if signer is None:
        return
    yield Fact(words["subject"], signer.subject)
    yield Fact(words["issuer"], signer.issuer)
    yield Fact(words["serial"], signer.serial, code=True)
    yield Fact(words["valid"], words["from_to"].format(words.day(signer.begins), words.day(signer.ends)))
    yield Fact(words["fingerprint"], signer.fingerprint, code=True)
