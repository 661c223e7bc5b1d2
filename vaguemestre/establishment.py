"""The model: what an administrator declares, as frozen typed values.

`Establishment` is one YAML file; `Settings` is what a whole inventory shares (``inventory.yml``) and an establishment
may override section by section; `Fleet` is all of it together. YAML becomes these values through one door,
`vaguemestre.inventory`; everything behind it may trust them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

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
    """Debian releases the kit has templates for."""

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


class WhiteList(Model):
    """Liste blanche: the nation's signed list of operators and domains, and how much of it may change in one step."""

    url: Url = Field(
        default="https://espacedeconfiance.mssante.fr/listeblanchemssante.xml", description="where it is published"
    )
    anchors: Path | None = Field(
        default=None,
        description="PEM of the authorities of the server that publishes it; absent: trust.anchors",
    )
    signer: Line = Field(default="alb.mssante.fr", description="CN of the certificate that signs it")
    every_minutes: Whole = Field(default=60, ge=5, le=1440, description="how often it is asked for")
    max_mib: Whole = Field(default=32, ge=1, le=256, description="a larger file is not read")
    max_removed_percent: float = Field(
        default=2.0, ge=0, le=100, description="more of its domains gone than this: held back for approval"
    )
    max_changed_percent: float = Field(
        default=5.0, ge=0, le=100, description="more of its entries changed than this: held back for approval"
    )
    alarm_hours: Whole = Field(
        default=24, ge=1, description="not confirmed at the source for so long: alarm, and unknown domains are deferred"
    )
    page_hours: Whole = Field(default=72, ge=1, description="not confirmed for so long: the alarm that wakes people")


class Revocation(Model):
    """Revocation of operators' certificates: lists (CRL) first, OCSP where they fail."""

    crl: tuple[Url, ...] = Field(
        default=(
            "http://igc-sante.esante.gouv.fr/CRL/ACI-EL-ORG.crl",
            "http://igc-sante.esante.gouv.fr/CRL/ACR-EL.crl",
        ),
        description="revocation lists of every authority of the chain",
    )
    ocsp: Url | None = Field(
        default="http://ocsp.esante.gouv.fr", description="OCSP responder, the second source; null: none"
    )
    every_minutes: Whole = Field(default=60, ge=5, le=1440, description="how often the lists are asked for")
    grace_hours: Whole = Field(
        default=4, ge=0, le=168, description="how long after its end an old list still counts; then nobody is believed"
    )


class Trust(Model):
    """Whom the mail servers believe: the national authorities and nobody else, the white list, revocation."""

    authority: Literal["national", "test"] = Field(
        default="national",
        description="national: anchors must be IGC-Sante's own, by fingerprint; test: any authority, for rehearsals",
    )
    anchors: Path = Field(default=Path("trust/national.pem"), description="PEM file, relative to the inventory")
    white_list: WhiteList = WhiteList()
    revocation: Revocation = Revocation()
    proxy: Url | None = Field(default=None, description="HTTP proxy on the way to the list, CRLs and OCSP")


class DirectoryGuard(Model):
    """How far one step of the national directory may go without a person's approval, and what a file must be."""

    at_least: Whole = Field(
        default=400_000, ge=1, description="a file with fewer mailboxes is refused; the nation has some 557,000"
    )
    max_unusable_percent: float = Field(default=0.5, ge=0, le=100, description="more of its lines unusable: refused")
    max_removed_percent: float = Field(
        default=2.0, ge=0, le=100, description="more mailboxes gone than this: held back for approval"
    )
    max_shrunk_percent: float = Field(
        default=1.0, ge=0, le=100, description="so many fewer all in all: held back for approval"
    )
    max_changed_percent: float = Field(
        default=25.0, ge=0, le=100, description="more mailboxes changed than this: held back for approval"
    )
    max_emptied_percent: float = Field(
        default=80.0, ge=0, le=100, description="more of one domain or operator gone than this: held back for approval"
    )
    emptied_from: Whole = Field(default=100, ge=1, description="domains with fewer mailboxes may be emptied")


class DirectoryApi(Model):
    """The national directory's FHIR interface; its key is the secret `annuaire.key`, never written here."""

    url: Url = Field(
        default="https://gateway.api.esante.gouv.fr/fhir/v2", description="base address of the FHIR server"
    )
    calls_per_second: Whole = Field(default=15, ge=1, le=17, description="the nation allows 17 for each application")


class Replicas(Model):
    """What becomes of a replica of the directory that its provider no longer confirms."""

    alarm_minutes: Whole = Field(default=10, ge=2, description="not confirmed for so long: it is told")
    forget_minutes: Whole = Field(
        default=240,
        ge=5,
        description="not confirmed for so long: it shows no mailbox of ours any more, one may be red-listed since",
    )


class NationalDirectory(Model):
    """Annuaire: the nation's mailboxes, brought into the local directory once a day; and who may search it."""

    source: Literal["extraction", "fhir"] = Field(
        default="extraction", description="extraction: the whole file, published daily; fhir: the interface"
    )
    url: Url = Field(
        default="https://service.annuaire.sante.fr/annuaire-sante-webservices/V300/services/extraction/"
        "Extraction_Correspondance_MSSante",
        description="where the daily extraction is published",
    )
    mirror: Url | None = Field(default=None, description="a copy that is asked when the first does not answer")
    anchors: Path | None = Field(
        default=None, description="PEM of the authorities of the servers that publish it; absent: trust.anchors"
    )
    api: DirectoryApi = DirectoryApi()
    every_minutes: Whole = Field(
        default=60, ge=15, le=1440, description="how often it is asked whether there is a new one"
    )
    max_mib: Whole = Field(default=128, ge=1, le=2048, description="a larger download is not read")
    guard: DirectoryGuard = DirectoryGuard()
    alarm_hours: Whole = Field(default=48, ge=1, description="the one held is older than this: alarm")
    page_hours: Whole = Field(default=240, ge=1, description="older than this: the alarm that wakes people")
    client_networks: tuple[IPv4Network, ...] = Field(
        default=tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))),
        description="networks whose mail programs may search the address book (LDAPS); none: nobody",
    )
    replicas: Replicas = Replicas()


class Journal(Model):
    """The systemd journal."""

    max_use: str = Field(default="1G", pattern=r"^[0-9]+[KMGT]$", description="disk the systemd journal may use")


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
    wave: Whole = Field(default=1, ge=1, description="rollout wave, 1 first")
    canary: bool = Field(default=False, description="its first host goes before all others of its wave")
    domains: tuple[Domain, ...] = Field(default=(), description="its mail domains")
    hosts: tuple[Host, ...] = Field(default=(), description="an operator's hosts")
    contacts: Contacts
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
        """The operator itself and the establishments it hosts."""
        hosted = (e for e in self.establishments if e.mode is Mode.HOSTED and e.operator == operator.slug)
        return (operator, *hosted)

    def mail_domains(self, one: Establishment) -> tuple[Domain, ...]:
        """Where its people have their mailboxes: its own domains, or its operator's domains by profession.

        An individual establishment that names no operator has its people's mailboxes elsewhere: none.
        """
        if one.mode is not Mode.INDIVIDUAL:
            return one.domains
        by_slug = {e.slug: e for e in self.establishments}
        served = self.served_by(by_slug[one.operator]) if one.operator in by_slug else ()
        return tuple(domain for e in served for domain in e.domains if domain.professions)
