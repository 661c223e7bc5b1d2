"""A site: one establishment seen by those who verify it, with the host that carries its mail."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaguemestre import runtime
from vaguemestre.engines.openssh import host_key_arguments
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.targets import SelectionError, refuse_unknown, target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.establishment import Establishment, Fleet, Host, RoleName, Settings
from vaguemestre.host.mailboxes.bal import PROBE
from vaguemestre.verify.correspondent import Correspondent

if TYPE_CHECKING:
    from vaguemestre.verbs.mailbox import Mailboxes
    from vaguemestre.verify.address_book import AddressBook


@dataclass(frozen=True)
class Site:
    """`host` is the establishment's own mail host or, when it is hosted, its operator's."""

    establishment: Establishment
    operator: Establishment
    host: Host
    root: Path

    @property
    def domain(self) -> str:
        return self.establishment.domains[0].name

    @property
    def ip(self) -> str:
        return str(self.host.address)

    @property
    def edges(self) -> tuple[Host, ...]:
        """Where other operators bring its mail; the mail host itself where there is no edge."""
        return self.operator.edges or (self.host,)

    @property
    def settings(self) -> Settings:
        return self.operator.settings

    @property
    def anchors(self) -> Path:
        return self.root / self.settings.trust.anchors

    def connect(self, port: int) -> socket.socket:
        return socket.create_connection((self.ip, port), timeout=20)

    def mailboxes(self, fleet: Fleet) -> Mailboxes:
        """The commands for the site's mailboxes."""
        from vaguemestre.verbs.mailbox import Mailboxes

        return Mailboxes(fleet, self.operator, self.host)

    @contextmanager
    def probe(self, fleet: Fleet, local: str = PROBE, kind: str = "APP") -> Iterator[Correspondent]:
        """A verification mailbox of the site, with a password of this run only; nobody can log in afterwards."""
        boxes, address = self.mailboxes(fleet), f"{local}@{self.domain}"
        password = secrets.token_urlsafe(24)
        boxes.open_probe(address, password, kind)
        try:
            yield Correspondent(address, password, self.host.name, self.ip, self.anchors)
        finally:
            boxes.suspend(address)

    def address_books(self) -> list[AddressBook]:
        """Where mail programs may search: the provider, and every replica of it."""
        from vaguemestre.verify.address_book import AddressBook

        hosts = (self.host, *self.operator.replicas)
        return [AddressBook(host.name, str(host.address), self.anchors) for host in hosts]


def sites(fleet: Fleet) -> list[Site]:
    """The establishments of the fleet that have mail somewhere in it, in rollout order; not those on the move."""
    return [
        Site(establishment, operator, host, fleet.root)
        for operator in fleet.establishments
        for host in operator.hosts
        if host.has(RoleName.POSTFIX)
        for establishment in fleet.served_by(operator)
        if establishment.domains and not establishment.moving_from
    ]


def chosen(fleet: Fleet, names: Sequence[str]) -> list[Site]:
    """The sites meant by `names`: establishments, hosted ones too, or hosts with all that they serve; none means all.

    Raises:
        SelectionError: a name means nothing here, or there is no mail to verify.
    """
    refuse_unknown(fleet, names)
    found = [site for site in sites(fleet) if not names or {site.establishment.slug, site.host.name} & set(names)]
    if not found:
        raise SelectionError(f"{', '.join(names) or fleet.root}: there is no mail host to verify")
    return found


def in_service(fleet: Fleet, hosts: Sequence[str]) -> dict[str, bool | Failure]:
    """Whether each of these hosts has ever been made an operator, or why that cannot be known. One round trip."""
    from vaguemestre.engines import pyinfra

    seen = pyinfra.run(fleet, hosts, f"test -e {runtime.PATH}")
    return {name: _made(one) for name, one in seen.items()}


def _made(seen: Ran | Failure) -> bool | Failure:
    if isinstance(seen, Failure):
        return False if seen.trouble is Trouble.BARE else seen
    return seen.code == 0


def ssh_backend(site: Site, fleet: Fleet) -> dict[str, Any]:
    """What `testinfra.get_host` needs to reach the site's host as administrators do, host key checked."""
    way = target(fleet, site.operator, site.host)
    return {
        "hostspec": f"ssh://{way.user}@{way.address}:{way.port}",
        "ssh_identity_file": way.key,
        "ssh_extra_args": f"{host_key_arguments(way)} -o BatchMode=yes",
        "sudo": False,
    }
