"""Where a person's mailbox goes who has no domain of an establishment: to the domain of the profession."""

from __future__ import annotations

from collections.abc import Iterable

from vaguemestre.errors import Exit
from vaguemestre.establishment import Domain, Establishment, Fleet
from vaguemestre.verbs.mailbox import MailboxError


def placed(fleet: Fleet, address: str, profession: str, slug: str | None = None) -> str:
    """The whole address: as it is, or with the domain that takes people of this profession.

    `slug` names the establishment that equips the person; without it, every domain by profession may be meant.

    Raises:
        MailboxError: there is no such domain, or more than one, or no such establishment.
    """
    if "@" in address:
        return address
    meant = [establishment(fleet, slug)] if slug else fleet.establishments
    domains = {domain.name: domain for one in meant for domain in fleet.mail_domains(one) if domain.professions}
    chosen = [name for name, domain in domains.items() if profession in domain.professions]
    if len(chosen) == 1:
        return f"{address}@{chosen[0]}"
    raise MailboxError(f"{address}: {_why(profession, chosen)}\n{_known(domains.values())}", Exit.INVALID)


def establishment(fleet: Fleet, slug: str) -> Establishment:
    """The establishment of this name.

    Raises:
        MailboxError: there is none.
    """
    for one in fleet.establishments:
        if one.slug == slug:
            return one
    known = ", ".join(one.slug for one in fleet.establishments) or "none"
    raise MailboxError(f"there is no establishment {slug}\n    there are: {known}", Exit.INVALID)


def _why(profession: str, chosen: list[str]) -> str:
    if not profession:
        return "without a domain after an @, the profession tells the domain (--profession)"
    if chosen:
        return f"people of profession {profession} may be in {' or '.join(chosen)}: write the whole address"
    return f"no domain takes people of profession {profession}: write the whole address"


def _known(domains: Iterable[Domain]) -> str:
    said = [f"    {one.name}: {', '.join(one.professions)}" for one in domains]
    return (
        "\n".join(["    domains by profession:", *said]) if said else "    this inventory has no domain by profession"
    )
