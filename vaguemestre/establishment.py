"""The model: what an administrator declares, as frozen typed values.

`Establishment` is one YAML file; `Settings` is what a whole inventory shares (``inventory.yml``) and an establishment
may override section by section; `Fleet` is all of it together. YAML becomes these values through one door,
`vaguemestre.inventory`; everything behind it may trust them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from vaguemestre.nation import NationalDirectory, Trust
from vaguemestre.pacing import Pace
from vaguemestre.people import Mailboxes, RedList, Retention
from vaguemestre.publishing import Publication
from vaguemestre.terms import (
    Department,
    Finess,
    Fqdn,
    Ipv4,
    Line,
    Login,
    MailAddress,
    Model,
    Port,
    Profession,
    Siret,
    SshKey,
    TimeServer,
    Url,
    Whole,
)


def _somebody(networks: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    """Refuse the list that would let nobody in, the controller included."""
    if not networks:
        raise PydanticCustomError("too_short", "nobody could log in")
    return networks


class Mode(StrEnum):
    """How an establishment joins the trust space."""

    OPERATOR = "operator"  # runs the stack
    HOSTED = "hosted"  # is served by another establishment's stack
    INDIVIDUAL = "individual"  # equips its people with national addresses, runs nothing


class RoleName(StrEnum):
    """The roles a host can be given; each is a module of `roles`."""

    BASE = "base"
    PKI = "pki"
    OPENLDAP = "openldap"
    DIRECTORY = "directory"
    DOVECOT = "dovecot"
    TRUST = "trust"
    POSTFIX = "postfix"
    EDGE = "edge"


# Who reads all that is known of mailboxes, or writes it.
DIRECTORY_WORKERS = (RoleName.DIRECTORY, RoleName.DOVECOT, RoleName.TRUST, RoleName.POSTFIX)


class Debian(StrEnum):
    """Debian releases the kit has templates for, by their code names, the older first."""

    BOOKWORM = "bookworm"
    TRIXIE = "trixie"


class Domain(Model):
    """A mail domain of the trust space, listed in the national white list under this establishment."""

    name: Fqdn = Field(description="what stands after the @, such as chu-example.mssante.fr")
    description: str = Field(default="", description="shown in the national white list")
    professions: tuple[Profession, ...] = Field(
        default=(),
        description='codes of professions ("60") whose people are placed here, and nobody else; none: everybody',
    )


class Host(Model):
    """A Debian host. `name` is its FQDN, the CN of its certificate and, for a mail host, its name as MX."""

    name: Fqdn = Field(description="full name; also in its certificate and, for a mail host, in the MX record")
    address: Ipv4 = Field(description="IPv4 address it is reached at")
    address6: IPv6Address | None = Field(default=None, description="IPv6 address, when it has one; in quotes")
    roles: tuple[RoleName, ...] = Field(min_length=1, description="what it does; every host has base")
    debian: Debian = Field(default=Debian.TRIXIE, description="Debian release that is installed on it")
    ssh_port: Port = Field(default=22, description="port of its SSH server")

    def has(self, role: RoleName) -> bool:
        return role in self.roles


class Contact(Model):
    """Somebody who answers; the white list carries phone and mail of the responsible person and of the support."""

    name: Line = Field(description="a person or a team")
    phone: Line = Field(description="telephone number, in quotes")
    mail: MailAddress = Field(description="address for other operators and the ANS")


class Contacts(Model):
    """Who answers for the establishment and who helps; both are published in the white list."""

    responsible: Contact = Field(description="the person responsible")
    support: Contact = Field(description="who is called when something does not work")


class Administrator(Model):
    """Somebody of a hosted establishment who looks after its mailboxes on the operator's host, and nobody else's."""

    name: Line = Field(description="who it is")
    key: SshKey = Field(description="public SSH key: kind and base64, without a comment")


class Apt(Model):
    """Where hosts get Debian packages: a mirror, or a folder of .deb files on the host for sites without network."""

    mirror: Url | None = Field(
        default=None, description="URL of a Debian mirror; absent: the host keeps its own sources"
    )
    security: Url | None = Field(default=None, description="URL of the security archive; absent: none is configured")
    proxy: Url | None = Field(default=None, description="URL of an HTTP proxy for apt")
    bundle: Path | None = Field(default=None, description="folder on the host with .deb files and their Packages index")
    unattended_upgrades: bool = Field(default=False, description="let the host install security updates by itself")


class Clock(Model):
    """Time by NTP (chrony). `steer: false` measures but never touches the clock (containers)."""

    servers: tuple[TimeServer, ...] = Field(default=(), description="NTP servers; none: Debian's own choice")
    steer: bool = Field(default=True, description="false: measure, but leave the clock alone")


class Ssh(Model):
    """How the controller reaches hosts after bootstrap."""

    user: Login = Field(default="vaguemestre", description="the account that the kit makes and uses on hosts")
    key: Path | None = Field(default=None, description="private key file, relative to the inventory")
    known_hosts: Path | None = Field(default=None, description="known_hosts file, relative to the inventory")
    bootstrap_user: Login = Field(default="root", description="account of the bare host for the first contact")
    admin_networks: Annotated[tuple[IPv4Network, ...], AfterValidator(_somebody)] = Field(
        default=(IPv4Network("0.0.0.0/0"),),
        description="networks from which SSH is accepted; the controller must be in one of them",
    )


class Journal(Model):
    """The systemd journal."""

    max_use: str = Field(default="1G", pattern=r"^[0-9]+[KMGT]$", description="disk the systemd journal may use")


class Watch(Model):
    """When `vaguemestre audit` warns. What is known of the nation has hours of its own, in `trust` and `directory`."""

    certificate_days: Whole = Field(default=30, ge=8, le=365, description="a certificate ends sooner; 7 days: bad")
    disk_percent: Whole = Field(default=85, ge=1, le=94, description="a disk is fuller than this; 95: bad")
    queue_messages: Whole = Field(default=200, ge=1, description="more messages wait in Postfix's queue")
    queue_hours: Whole = Field(default=4, ge=1, description="a message waits longer; six times that: bad")
    clock_seconds: Whole = Field(default=5, ge=1, description="a host's clock differs more from the controller's")
    history_months: Whole = Field(default=13, ge=1, description="how long it is known what began and ended when")


class Lab(Model):
    """Marks an inventory as the rehearsal lab's: its hosts are containers that `vaguemestre lab up` makes."""

    network: IPv4Network = Field(description="network the hosts are written with; moved when it is taken")
    outside_domain: Fqdn = Field(
        default="outside.example", description="a mail domain outside the trust space, to be refused"
    )


class Settings(Model):
    """What an inventory's establishments share: ``inventory.yml``; a section may be overridden by an establishment."""

    apt: Apt = Apt()
    clock: Clock = Clock()
    resolvers: tuple[Ipv4, ...] = Field(default=(), description="DNS resolvers; none: the host keeps its own")
    ssh: Ssh = Ssh()
    trust: Trust = Trust()
    directory: NationalDirectory = NationalDirectory()
    publication: Publication = Publication()
    journal: Journal = Journal()
    rollout: Pace = Pace()
    audit: Watch = Watch()
    secrets: Path = Field(default=Path("secrets"), description="folder of sealed secrets, relative to the inventory")
    records: Path = Field(
        default=Path("records"),
        description="folder of what was done and seen (rollouts, audits, verifications), relative to the inventory",
    )
    lab: Lab | None = Field(default=None, description="only in the inventory of a rehearsal lab")


class Establishment(Model):
    """One establishment: one YAML file. `slug` is the file's name without ``.yml``."""

    slug: str = Field(description="the file's name without .yml; not written in the file")
    name: Line = Field(description="as in its certificates and in the national directory")
    city: Line = Field(description="where it is")
    region: Line = Field(description="region it is rolled out with")
    department: Department = Field(description="as certificates write it: Eure (27)")
    finess: Finess = Field(description="FINESS number of the legal entity, nine characters, in quotes")
    siret: Siret | None = Field(
        default=None, description="SIRET of the legal entity, 14 digits, in quotes, if its certificates may bear it"
    )
    mode: Mode = Field(description="operator: runs the stack; hosted: is served by another; individual: runs nothing")
    operator: str | None = Field(
        default=None,
        description="slug of the operator that serves it, when mode is hosted; of the one whose domains by profession "
        "take its people, when mode is individual",
    )
    moving_from: str | None = Field(
        default=None,
        description="slug of the operator that has its mailboxes until `vaguemestre move` has brought them over; its "
        "own slug when they are still on its own `hosts`",
    )
    wave: Whole = Field(default=1, ge=1, description="rollout wave, 1 first")
    canary: bool = Field(default=False, description="its first host goes before all others of its wave")
    domains: tuple[Domain, ...] = Field(default=(), description="its mail domains")
    hosts: tuple[Host, ...] = Field(default=(), description="an operator's hosts")
    contacts: Contacts
    administrators: tuple[Administrator, ...] = Field(
        default=(), description="of a hosted establishment: who looks after its own mailboxes on the operator's host"
    )
    mailboxes: Mailboxes = Mailboxes()
    redlist: RedList = RedList()
    retention: Retention = Retention()
    settings: Settings = Settings()

    @property
    def structure_id(self) -> str:
        """The OU of its certificates: "1" and the FINESS number (IGC-Santé naming)."""
        return f"1{self.finess}"

    @property
    def certificate_units(self) -> tuple[str, ...]:
        """The OUs that its certificates may bear, the usual one first: "1" and FINESS, "3" and SIRET (IGC-Santé)."""
        return (self.structure_id, f"3{self.siret}") if self.siret else (self.structure_id,)

    @property
    def providers(self) -> tuple[Host, ...]:
        """The hosts that keep the directory of mailboxes: one for an operator, none else, in an inventory that is read.

        Where several hosts have a directory, it is the one with what writes it or reads all of it.
        """
        held = tuple(host for host in self.hosts if host.has(RoleName.OPENLDAP))
        working = tuple(host for host in held if any(map(host.has, DIRECTORY_WORKERS)))
        return working or (held if len(held) == 1 else ())

    @property
    def mail_hosts(self) -> tuple[Host, ...]:
        """The hosts with a queue: one for an operator, in an inventory that is read."""
        return tuple(host for host in self.hosts if host.has(RoleName.POSTFIX))

    @property
    def edges(self) -> tuple[Host, ...]:
        """The hosts that other operators speak to, in the order in which they are to be tried (MX)."""
        return tuple(host for host in self.hosts if host.has(RoleName.EDGE))

    @property
    def edges_apart(self) -> tuple[Host, ...]:
        """The edges on hosts of their own, which pass mail on to the one mail host."""
        return tuple(host for host in self.edges if host not in self.mail_hosts)

    @property
    def replicas(self) -> tuple[Host, ...]:
        """The hosts whose directory only follows the provider's, and answers searches."""
        return tuple(host for host in self.hosts if host.has(RoleName.OPENLDAP) and host not in self.providers)


@dataclass(frozen=True)
class Fleet:
    """A whole inventory: where it was read from, and its establishments by wave, canaries first, then by slug."""

    root: Path
    settings: Settings
    establishments: tuple[Establishment, ...]

    def hosts(self) -> Iterator[tuple[Establishment, Host]]:
        """Every host with its establishment, in rollout order."""
        for establishment in self.establishments:
            for host in establishment.hosts:
                yield establishment, host

    def served_by(self, operator: Establishment) -> tuple[Establishment, ...]:
        """The operator itself and the establishments it hosts, those on the move from it or to it included."""
        others = (one for one in self.establishments if one is not operator and one.slug != operator.slug)
        hosted = (
            e
            for e in others
            if (e.mode is Mode.HOSTED and e.operator == operator.slug) or e.moving_from == operator.slug
        )
        return (operator, *hosted)

    def part(self, names: Collection[str]) -> Fleet:
        """The fleet of these establishments (by slug or host), of whoever serves them, and of all that those serve."""
        meant = (one for one in self.establishments if {one.slug, *(host.name for host in one.hosts)} & {*names})
        operators = {slug for one in meant for slug in (one.operator or one.slug, one.moving_from) if slug}
        kept = (one for one in self.establishments if {one.operator or one.slug, one.moving_from} & operators)
        return replace(self, establishments=tuple(kept))

    def mail_domains(self, one: Establishment) -> tuple[Domain, ...]:
        """Where its people have their mailboxes: its own domains, or its operator's domains by profession.

        An individual establishment that names no operator has its people's mailboxes elsewhere: none.
        """
        if one.mode is not Mode.INDIVIDUAL:
            return one.domains
        by_slug = {e.slug: e for e in self.establishments}
        served = self.served_by(by_slug[one.operator]) if one.operator in by_slug else ()
        return tuple(domain for e in served for domain in e.domains if domain.professions)
