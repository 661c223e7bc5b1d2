"""White lists for rehearsals: composed and signed as the national one is, and as dirty as it is when that is wanted.

Everything in them is invented: names, numbers, domains (all under ``.test``).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from vaguemestre.host.trust.whitelist import FIELDS, NAMESPACE

if TYPE_CHECKING:
    from vaguemestre.pki.authority import Issued

_CONTACT = "Service informatique, +33 1 99 00 00 00, support@operateur.test"


@dataclass(frozen=True)
class Line:
    """One Domaine, its texts published exactly as they are here."""

    domain: str
    dn: str
    description: str = ""
    responsible: str = _CONTACT
    support: str = _CONTACT
    updated: str = "2026-01-15T09:30:00Z"


def compose(lines: Iterable[Line], generated: datetime) -> bytes:
    """The list without its signature, UTF-8."""
    from lxml import etree

    root = etree.Element(f"{{{NAMESPACE}}}ListeBlancheMSSante", nsmap={None: NAMESPACE})
    _add(root, "DateDeGeneration", f"{generated.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    listed = _add(root, "ListeDomaines", None)
    for line in lines:
        one = _add(listed, "Domaine", None)
        texts = (line.domain, line.description, line.dn, line.responsible, line.support, line.updated)
        for name, text in zip(FIELDS, texts, strict=True):
            _add(one, name, text)
    return _bytes(root)


def sign(xml: bytes, signer: Issued) -> bytes:
    """The list with an enveloped signature, of the national one's form: exclusive c14n, SHA-256, the leaf alone.

    `signer` is what `Authority.issue_signer` gives.
    """
    from lxml import etree
    from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
    from signxml.signer import XMLSigner

    how = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
    )
    return _bytes(how.sign(etree.fromstring(xml), key=signer.key, cert=[signer.leaf]))


def national_size(n: int, seed: int) -> tuple[Line, ...]:
    """`n` lines shaped like the national list: 320 operators, one of them with four in ten lines, domains under
    several certificates, children listed beside their parents, doubled lines, and every known spelling mistake.

    The same seed gives the same lines.
    """
    draw = random.Random(seed)  # noqa: S311 - a stage set, no secret
    operators = [_operator(number, draw) for number in range(min(320, n))]
    lines: list[Line] = []
    for number in range(n):
        again = lines and draw.random() < 0.22
        before = draw.choice(lines) if again else None
        name = before.domain if before else _domain(number, draw)
        owner = operators[0] if draw.random() < 0.4 else draw.choice(operators)
        lines.append(_line(name, _spelt(owner, draw) if draw.random() < 0.04 else owner, number, draw))
        if draw.random() < 0.003 and len(lines) < n:
            lines.append(lines[-1])
    return tuple(lines[:n])


def _line(name: str, dn: str, number: int, draw: random.Random) -> Line:
    description = f"Établissement fictif n° {number}, hospitalisation et consultations, messagerie des services"
    line = Line(name, dn, description, updated=f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number):%FT%TZ}")
    if draw.random() < 0.02:
        line = replace(line, description=description.replace(", ", ",\n"), support=_CONTACT.replace(", ", "\n"))
    return line


def _operator(number: int, draw: random.Random) -> str:
    structure = f"1{99_000_000 + number:09d}" if draw.random() < 0.8 else f"3{9_990_000_000_0000 + number:014d}"
    place = draw.choice(("Paris (75)", "Eure (27)", "Corse-du-Sud (2A)", "Hauts-de-Seine (92)", "Finistère (29)"))
    kind = draw.choice(("CENTRE HOSPITALIER", "GCS E-SANTE", "SAS MESSAGERIE", "CLINIQUE", "LABORATOIRE"))
    host = "relaisseul" if number == 7 else f"mx{number}.operateur{number}.test"
    return f"CN={host},OU={structure},O={kind} FICTIF {number},ST={place},C=FR"


def _domain(number: int, draw: random.Random) -> str:
    place = draw.choice(("ch", "clinique", "labo", "ehpad", "cabinet", "chu"))
    base = f"{place}-{number}.mssante.test"
    draws = draw.random()
    if draws < 0.08:
        return f"service.{place}-{max(0, number - 1)}.mssante.test"
    if draws < 0.09:
        return draw.choice((f"UC-{number}.mssante.test", f"{place}{number}-test.mssante.test", f"é{number}.mss.test"))
    return f"{number}.annuaire.passerelle.test" if draws < 0.1 else base


def _spelt(dn: str, draw: random.Random) -> str:
    """The same name, with one of the spelling mistakes that the national list has."""
    organisation = dn.split(",O=")[1].split(",ST=")[0]
    spellings: tuple[str, ...] = (
        dn.replace(",", ", "),
        dn.replace(",OU=", " ,OU="),
        dn.replace(" (", "("),
        dn.replace("ST=", "L="),
        dn.replace(" FICTIF ", "  FICTIF   "),
        dn.replace(" FICTIF ", "\u00a0FICTIF "),
        dn.replace(organisation, f'"{organisation}"'),
        dn.replace(" FICTIF ", ' "FICTIF" '),
        dn.replace("CN=mx", "CN=MX"),
        ",".join(reversed(dn.split(","))),
    )
    return draw.choice(spellings)


def _add(parent: Any, name: str, text: str | None) -> Any:
    from lxml import etree

    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = text
    return child


def _bytes(root: Any) -> bytes:
    from lxml import etree

    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return written
