"""What a lab must contain so that an inventory's hosts exist in it; the inverse of `vaguemestre.overlay`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vaguemestre import preview
from vaguemestre.engines.targets import refuse_unknown
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Domain, Establishment, Fleet, RoleName
from vaguemestre.lab import CertificateRequest, Guest, MailDomain, Plan
from vaguemestre.lab.cases import CASES
from vaguemestre.lab.peers import plan_of


class NoLabError(VaguemestreError):
    """The inventory is a real one: no lab is made of it."""

    exit_code = Exit.INVALID


def lab_plan(fleet: Fleet, name: str, part: Sequence[str] = ()) -> Plan:
    """The lab `name` for a fleet as written (`inventory.read`): hosts, names, certificates, packages, audit peers.

    `part` are establishments, when not all are wanted; packages are those of the whole fleet, so that every part
    boots from the same image.

    Raises:
        NoLabError: the inventory has no section `lab`.
        SelectionError: there is no such establishment.
        ReleaseError: a host's release cannot be built.
    """
    if fleet.settings.lab is None:
        raise NoLabError(f"{fleet.root} is no lab's inventory\n    add `lab:` with a `network:` to its inventory.yml")
    refuse_unknown(fleet, part)
    peers, domains, listed = plan_of(CASES)
    chosen = fleet.part(part) if part else fleet
    return Plan(
        name=name,
        network=fleet.settings.lab.network,
        guests=tuple(Guest(host.name, host.address, host.debian.value) for _, host in chosen.hosts()),
        domains=(*_domains(chosen), *domains),
        certificates=tuple(_certificates(chosen)),
        packages=packages(fleet),
        peers=peers,
        listed=listed,
        part=tuple(part),
    )


def packages(fleet: Fleet) -> tuple[str, ...]:
    """The Debian packages that any host of the fleet will want, sorted."""
    return tuple(sorted({one.name for release in preview.releases(fleet).values() for one in release.packages}))


def _domains(fleet: Fleet) -> Iterator[MailDomain]:
    for operator in fleet.establishments:
        for domain in _served(fleet, operator):
            smtp = _with(operator, RoleName.POSTFIX)
            imap, book = (_with(operator, role) for role in (RoleName.DOVECOT, RoleName.OPENLDAP))
            edges = tuple(host.name for host in operator.edges) or smtp
            if leaving := _leaving(fleet, domain):
                # DNS names both stacks while a domain moves, the one that has it first.
                edges, smtp = (
                    (*(host.name for host in leaving.edges), *edges),
                    (*smtp, *_with(leaving, RoleName.POSTFIX)),
                )
            senders = tuple(name for name in smtp if name not in edges)
            yield MailDomain(domain.name, mx=edges, submission=smtp, imap=imap, book=book, senders=senders)


def _served(fleet: Fleet, operator: Establishment) -> Iterator[Domain]:
    """The domains that it serves, or is to serve."""
    for one in fleet.served_by(operator) if operator.hosts else ():
        if one.moving_from != operator.slug:
            yield from one.domains


def _leaving(fleet: Fleet, domain: Domain) -> Establishment | None:
    """The stack that the domain leaves, when it moves."""
    left = {one.moving_from for one in fleet.establishments if domain in one.domains}
    return next((one for one in fleet.establishments if one.slug in left), None)


def _certificates(fleet: Fleet) -> Iterator[CertificateRequest]:
    for one, host in fleet.hosts():
        if host.has(RoleName.PKI):
            yield CertificateRequest(host.name, one.name, one.department, one.structure_id)


def _with(operator: Establishment, role: RoleName) -> tuple[str, ...]:
    return tuple(host.name for host in operator.hosts if host.has(role))
