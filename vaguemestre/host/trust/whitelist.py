"""The national white list (liste blanche): who speaks for which mail domain, out of a signed XML file.

Format, as published and measured: ListeBlancheMSSante with DateDeGeneration, ListeDomaines and the signature; each
Domaine has six children in a fixed order. There is no schema and no date of expiry. A domain may stand there several
times, with several certificate names and several operators. The structure is held to strictly; values are typed by
hand, and dirt in them is lived with: an entry whose domain or name cannot be used is skipped, counted and said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509

from vaguemestre.host.trust import dn
from vaguemestre.host.trust.domains import DomainError, domain
from vaguemestre.host.trust.signed import Element, SignerFacts, WhiteListError, verified
from vaguemestre.host.trust.values import DnKey

__all__ = ["Entry", "SignerFacts", "Skipped", "WhiteList", "WhiteListError", "read"]

NAMESPACE = "https://listeblanche.mssante.fr/schema"
ROOT = f"{{{NAMESPACE}}}ListeBlancheMSSante"
FIELDS = ("Nom", "Description", "DNCertificatOperateur", "ResponsableContact", "SupportContact", "DateMAJ")

AHEAD = timedelta(minutes=10)
"""How far a list's date may lie ahead of our clock."""

# RELAX NG, judged by libxml2: the same checks in Python would take longer than the signature.
_STRUCTURE = f"""
<element name="ListeBlancheMSSante" ns="{NAMESPACE}" xmlns="http://relaxng.org/ns/structure/1.0">
  <zeroOrMore><attribute><anyName/></attribute></zeroOrMore>
  <element name="DateDeGeneration"><text/></element>
  <element name="ListeDomaines"><zeroOrMore><element name="Domaine">
    {"".join(f'<element name="{name}"><text/></element>' for name in FIELDS)}
  </element></zeroOrMore></element>
</element>"""


class Entry(NamedTuple):
    """One line of the list: an A-label domain, and the certificate name (as written, and its key) that speaks for it.

    `description` is tidied to one line; `updated` is None where the list's DateMAJ is no date.
    """

    domain: str
    dn: str
    key: DnKey
    description: str
    updated: datetime | None


class Skipped(NamedTuple):
    """An entry that cannot be used: its number in the list, from 1, what was written as its domain, and why."""

    number: int
    name: str
    reason: str


@dataclass(frozen=True)
class WhiteList:
    """A list whose signature held. `digest` is the SHA-256 of the file, hexadecimal."""

    generated: datetime
    entries: tuple[Entry, ...] = field(repr=False)
    signer: SignerFacts
    digest: str
    skipped: tuple[Skipped, ...] = ()

    def pairs(self) -> frozenset[tuple[str, DnKey]]:
        """Who speaks for what: each domain with each of its names, once."""
        return frozenset((one.domain, one.key) for one in self.entries)

    def domains(self) -> frozenset[str]:
        return frozenset(one.domain for one in self.entries)


def read(
    xml: bytes,
    *,
    anchors: Sequence[x509.Certificate],
    signer: str,
    at: datetime | None,
    now: datetime,
    max_bytes: int,
) -> WhiteList:
    """The list in a published file.

    `anchors` are the authorities that may have issued the signer's certificate, `signer` is its CN. `at` is when that
    certificate must have been valid: None means `now`, for a list that was just fetched.

    Raises:
        WhiteListError: whatever is wrong; the file must then change nothing.
    """
    tree, facts = verified(xml, ROOT, anchors=anchors, signer=signer, at=at or now, max_bytes=max_bytes)
    _check_structure(tree)
    generated = _generated(_texts(tree, "DateDeGeneration")[0], now)
    entries, skipped = _entries(tree)
    if not entries:
        raise WhiteListError("empty", f"it has no usable entry; {len(skipped)} are unusable")
    return WhiteList(generated, entries, facts, hashlib.sha256(xml).hexdigest(), skipped)


def _check_structure(tree: Element) -> None:
    from lxml import etree

    structure = etree.RelaxNG(etree.fromstring(_STRUCTURE))
    if not structure.validate(tree):
        wrong = structure.error_log[0]
        raise WhiteListError("structure", f"line {wrong.line}: {wrong.message}")
    if next(tree.iter(etree.PI), None) is not None:
        raise WhiteListError("structure", "it has processing instructions")


def _texts(tree: Element, name: str) -> list[str]:
    """What stands in every element of this name, in order; the structure says that each entry has one."""
    return [one.text or "" for one in tree.iter(f"{{{NAMESPACE}}}{name}")]


def _generated(written: str, now: datetime) -> datetime:
    date = _date(written)
    if date is None:
        raise WhiteListError("no_date", "its DateDeGeneration is no date")
    if date > now + AHEAD:
        raise WhiteListError("future", f"it is dated {date:%Y-%m-%d %H:%M} UTC, which is to come")
    return date


def _date(text: str) -> datetime | None:
    """An ISO 8601 date with time and zone."""
    try:
        date = datetime.fromisoformat(text.strip())
        return date.astimezone(UTC) if date.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _entries(tree: Element) -> tuple[tuple[Entry, ...], tuple[Skipped, ...]]:
    keys: dict[str, DnKey] = {}  # a few hundred names stand for thousands of entries
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    columns = (_texts(tree, name) for name in ("Nom", "Description", "DNCertificatOperateur", "DateMAJ"))
    for number, (name, description, written, updated) in enumerate(zip(*columns, strict=True), 1):
        try:
            key = keys.get(written) or keys.setdefault(written, dn.key(written))
            entries.append(Entry(domain(_tidy(name)), written, key, _tidy(description), _date(updated)))
        except (DomainError, dn.DnError) as error:
            skipped.append(Skipped(number, _tidy(name)[:100], str(error)))
    return tuple(entries), tuple(skipped)


def _tidy(text: str) -> str:
    """On one line, blanks of every kind made one."""
    return " ".join(text.split())
