"""The model: what an administrator declares, as frozen typed values.

`Establishment` is one YAML file; `Settings` is what a whole inventory shares (``inventory.yml``) and an establishment
may override section by section; `Fleet` is all of it together. YAML becomes these values through one door,
`vaguemestre.inventory`; everything behind it may trust them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
Fqdn = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=253, pattern=rf"^({_LABEL}\.)+{_LABEL}$"),
]
"""A fully qualified domain name as A-labels (RFC 1035 section 2.3.1, RFC 5890)."""

Finess = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9AB][0-9]{7}$")]
"""A FINESS number: 9 characters, the second may be A or B in Corsica. Quote it in YAML: it is no integer."""

Siret = Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$")]
"""A SIRET number: 14 digits. Quote it in YAML: it is no integer."""

Department = Annotated[str, StringConstraints(pattern=r"^\S.* \([0-9][0-9AB][0-9]?\)$")]
"""A department as certificates write it in ST: ``Eure (27)``."""

Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:_~/%@+\[\]-]+$")]
"""A web address that can stand in apt's files as it is: no blanks, quotes or semicolons."""

TimeServer = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]*$")]
"""The name or the address of an NTP server, one word."""

ONE_LINE = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
Line = Annotated[str, StringConstraints(pattern=ONE_LINE)]
"""One line of text, neither empty nor with blanks at its ends: it ends up in certificates, comments and messages."""

Login = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
"""The name of a system account (useradd(8))."""

MailAddress = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Whole = Annotated[int, Field(strict=True)]
"""A whole number; neither true, which Python takes for 1, nor digits in quotes."""


def _somebody(networks: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    """Refuse the list that would let nobody in, the controller included."""
    if not networks:
        raise PydanticCustomError("too_short", "nobody could log in")
    return networks


def _written_out(value: object) -> object:
    """Refuse what `ipaddress` would make an address of, but nobody means as one: ``address: 10`` is not 0.0.0.10."""
    if isinstance(value, int | float):
        raise PydanticCustomError("ip_v4_address", "a number is no address")
    return value


Ipv4 = Annotated[IPv4Address, BeforeValidator(_written_out)]


class Model(BaseModel):
    """Frozen, and an unknown key is an error: a typing slip must never be silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Debian(StrEnum):
    """Debian releases the kit has templates for."""

    TRIXIE = "trixie"


class Domain(Model):
    """A mail domain of the trust space, listed in the national white list under this establishment."""

    name: Fqdn = Field(description="what stands after the @, such as chu-example.mssante.fr")
    description: str = Field(default="", description="shown in the national white list")


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


class StaffColumns(Model):
    """Which column (CSV) or attribute (LDIF) of a list of staff holds what; absent: found by its usual names."""

    address: Line | None = Field(default=None, description="address of the mailbox")
    type: Line | None = Field(default=None, description="PER, ORG, APP or CAB; without it, all are PER")
    rpps: Line | None = Field(default=None, description="RPPS, 11 digits; Active Directory has no usual place for it")
    surname: Line | None = Field(default=None, description="family name")
    given: Line | None = Field(default=None, description="given name")
    name: Line | None = Field(default=None, description="name to show; without it, given name and family name")
    structure: Line | None = Field(default=None, description="FINESS or SIRET, when not the establishment's own")
    service: Line | None = Field(default=None, description="ward or service")
    responsible: Line | None = Field(default=None, description="who answers for it; never published")
    description: Line | None = Field(default=None, description="what it is for")
    quota: Line | None = Field(default=None, description="storage in MiB, when not the establishment's own")


class StaffImport(Model):
    """How a list of staff is read, and what may happen to mailboxes that are no longer in it."""

    columns: StaffColumns = StaffColumns()
    encoding: Literal["utf-8", "cp1252"] = Field(
        default="utf-8", description="of a file without a byte order mark; never guessed"
    )
    absent: Literal["suspend", "close"] = Field(
        default="suspend", description="what becomes of an imported mailbox that the file no longer names"
    )
    max_closed_percent: float = Field(
        default=5.0, ge=0, le=100, description="more of them gone at once than this: nothing is done"
    )


class Mailboxes(Model):
    """Where mailboxes (BAL) come from, and what each gets."""

    source: Literal["manual", "csv", "ldif"] = Field(
        default="manual", description="manual: made one by one by command; csv, ldif: from a list of staff"
    )
    file: Path | None = Field(
        default=None, description="the list of staff, relative to this file; needed when source is csv or ldif"
    )
    imports: StaffImport = Field(default=StaffImport(), alias="import", description="how a list of staff is imported")
    quota_mib: Whole = Field(default=2048, ge=10, description="storage of one mailbox, in MiB")
    message_size_mib: Whole = Field(
        default=10, ge=1, le=100, description="largest message accepted, in MiB, before base64"
    )


class RedList(Model):
    """Liste rouge: how people of this establishment are protected unless they chose otherwise."""

    default: Literal["none", "unlisted", "secretariat"] = Field(
        default="none",
        description="unlisted: found by no search; secretariat: also reached through the secretariat only",
    )
    own_staff_direct: bool = Field(default=True, description="colleagues may write directly past the secretariat")


class Retention(Model):
    """How long things are kept."""

    log_days: Whole = Field(default=365, ge=1, description="mail logs on the host, in days")
    closed_address_years: Whole = Field(default=10, ge=1, description="before a closed address may be given again")


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
    journal: Journal = Journal()
    secrets: Path = Field(default=Path("secrets"), description="folder of sealed secrets, relative to the inventory")
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
    operator: str | None = Field(default=None, description="slug of the operator that serves it, when mode is hosted")
    wave: Whole = Field(default=1, ge=1, description="rollout wave, 1 first")
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


@dataclass(frozen=True)
class Fleet:
    """A whole inventory: where it was read from and its establishments, in order of wave, then slug."""

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
