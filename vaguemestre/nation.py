"""What an inventory says of the nation: whom its list names, who is revoked, and the directory of all mailboxes."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

from pydantic import Field

from vaguemestre.terms import Line, Model, Url, Whole


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
