"""Is this DN on the white list? That decides whether a certificate goes live, and what is written to the ANS. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509

from vaguemestre.establishment import Establishment
from vaguemestre.host.trust.dn import key_of, text_of
from vaguemestre.host.trust.domains import domain as a_label
from vaguemestre.host.trust.values import DnKey


class Held(Protocol):
    """A white list that was verified; domains are A-labels in lower case."""

    def speaks_for(self, dn: DnKey, domain: str) -> bool: ...


@dataclass(frozen=True)
class Pairs:
    """A white list as the pairs it names."""

    pairs: frozenset[tuple[str, DnKey]]

    def speaks_for(self, dn: DnKey, domain: str) -> bool:
        return (domain, dn) in self.pairs


@dataclass(frozen=True)
class Verdict:
    """Whether a certificate goes live now, and why or why not; `missing` are domains that the list lacks for it."""

    live: bool
    why: str
    missing: tuple[str, ...] = ()


def domains(served: Iterable[Establishment]) -> tuple[str, ...]:
    """The mail domains of these establishments, as the list writes them."""
    return tuple(sorted({a_label(one.name) for each in served for one in each.domains}))


def missing(subject: x509.Name, wanted: Iterable[str], held: Held) -> tuple[str, ...]:
    """The domains for which the list does not name this subject; raises DnError for one that cannot be used."""
    dn = key_of(subject)
    return tuple(one for one in wanted if not held.speaks_for(dn, one))


def verdict(
    new: x509.Name, live: x509.Name | None, wanted: tuple[str, ...], look: Callable[[], Held | None]
) -> Verdict:
    """Whether a server's certificate with the subject `new` may take the place of `live`.

    With the same DN at once; with another one only when the list names it, and for no domain fewer than the old one:
    else peers would refuse mail that they accept today. `look` gives the list, or None when it cannot be had.
    """
    if live is not None and key_of(new) == key_of(live):
        return Verdict(True, "its DN is that of the certificate before, which peers know")
    held = look()
    if held is None:
        return Verdict(False, "its DN is new, and the white list was not looked at")
    lacking = missing(new, wanted, held)
    if len(lacking) == len(wanted):
        return Verdict(False, "the white list does not name its DN yet: no peer would accept it", lacking)
    known = set(wanted) - set(missing(live, wanted, held)) if live is not None else set()
    if lost := sorted(known & set(lacking)):
        return Verdict(False, f"the white list does not name its DN yet for {', '.join(lost)}", lacking)
    return Verdict(True, "the white list names its DN", lacking)


def letter(one: Establishment, served: Iterable[Establishment], subject: x509.Name, old: x509.Name | None) -> str:
    """What to send to the ANS so that the list names the new DN: all that an entry carries, in French."""
    described = {domain.name: domain.description for each in served for domain in each.domains}
    lines = "\n".join(f"  - {name}" + (f" ({text})" if text else "") for name, text in sorted(described.items()))
    before = (
        f"\nDN du certificat actuel, à conserver jusqu'à notre bascule, puis à retirer :\n  {text_of(old)}\n"
        if old
        else ""
    )
    responsible, support = one.contacts.responsible, one.contacts.support
    return f"""\
Objet : liste blanche MSSanté, ajout d'un certificat d'opérateur ({one.name})

Bonjour,

Merci d'ajouter à la liste blanche le certificat suivant pour les domaines ci-dessous.

Domaines :
{lines}

DN du nouveau certificat :
  {text_of(subject)}
{before}
Responsable : {responsible.name}, {responsible.phone}, {responsible.mail}
Support : {support.name}, {support.phone}, {support.mail}

{one.name}, {one.city}, FINESS {one.finess}"""
