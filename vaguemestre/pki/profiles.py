"""The shape of the national PKI's certificates: names in their DER order, dates, usages and addresses.

Source: the published IGC-Santé chain and the certificates named in the national white list. A subject is encoded C, ST,
O, OU, CN; OU is "1" and the 9 characters of a FINESS, or "3" and a SIRET; leaves are RSA 2048, SHA-256, three years.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEY_BITS = 2048
LEAF_LIFE = timedelta(days=3 * 365)
AUTHORITY_LIFE = timedelta(days=20 * 365)
CRL_LIFE = timedelta(days=7)
USAGES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
# Machines whose clocks differ a little must all find a new certificate valid.
CLOCK_MARGIN = timedelta(hours=1)


@dataclass(frozen=True)
class CertificateRequest:
    """A host certificate to be issued. `department` as in "Eure (27)"; `structure` is "1" and the FINESS."""

    host: str
    organisation: str
    department: str
    structure: str


@dataclass(frozen=True)
class Profile:
    """One two-tier authority: the common names of its root and issuing authority, and where it publishes."""

    root: str
    issuing: str
    organisation: tuple[str, ...] = ("IGC-SANTE TEST", "0002 187512751", "ASIP-SANTE")
    publishes: str = "http://igc-sante.world.test"
    file: str = "TEST-ACI-EL-ORG"
    root_file: str = "TEST-ACR-EL"
    ocsp_url: str = "http://ocsp.world.test"

    @property
    def crl_url(self) -> str:
        """Where the issuing authority's CRL (DER) is published."""
        return f"{self.publishes}/CRL/{self.file}.crl"

    @property
    def root_crl_url(self) -> str:
        """Where the root's CRL (DER) is published, on its issuing authorities."""
        return f"{self.publishes}/CRL/{self.root_file}.crl"

    @property
    def root_certificate_url(self) -> str:
        """Where the root's certificate (DER) is published."""
        return f"{self.publishes}/AC/{self.root_file}.cer"

    @property
    def certificate_url(self) -> str:
        """Where the issuing authority's certificate (DER) is published."""
        return f"{self.publishes}/AC/{self.file}.cer"

    def name(self, common_name: str) -> x509.Name:
        """An authority's name: C, O, OU, OU, CN, as IGC-Santé encodes its own."""
        unit, number, organisation = self.organisation
        return _name(
            (NameOID.COUNTRY_NAME, "FR"),
            (NameOID.ORGANIZATION_NAME, organisation),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, number),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            (NameOID.COMMON_NAME, common_name),
        )


NATIONAL = Profile("TEST AC RACINE IGC-SANTE ELEMENTAIRE", "TEST AC IGC-SANTE ELEMENTAIRE ORGANISATIONS")
OTHER = Profile(
    "TEST AUTRE AC RACINE",
    "TEST AUTRE AC",
    organisation=("AUTRE TEST", "0002 000000000", "AUTRE AUTORITE"),
    publishes="http://autre-ac.world.test",
    file="TEST-AUTRE-AC",
    root_file="TEST-AUTRE-ACR",
    ocsp_url="http://autre-ac.world.test/ocsp",
)


def leaf_subject(request: CertificateRequest) -> x509.Name:
    """The subject of a host certificate, in DER order."""
    return _name(
        (NameOID.COUNTRY_NAME, "FR"),
        (NameOID.STATE_OR_PROVINCE_NAME, request.department),
        (NameOID.ORGANIZATION_NAME, request.organisation),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, request.structure),
        (NameOID.COMMON_NAME, request.host),
    )


def now() -> datetime:
    """This moment, to the second, with its zone: what certificates can express."""
    return datetime.now(UTC).replace(microsecond=0)


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
