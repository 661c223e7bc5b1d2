"""A key, and the request for its certificate (CSR, RFC 2986) in the national shape. Pure, but for the key's chance."""

from __future__ import annotations

from textwrap import indent

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vaguemestre.pki.bearer import Bearer, Kind
from vaguemestre.pki.extensions import key_usage
from vaguemestre.pki.faults import Fault, PkiError

BITS = (2048, 3072)


def new_key(bits: int) -> rsa.RSAPrivateKey:
    """A key, in memory only; seal it before it touches a disk.

    Raises:
        PkiError: a size that the national profile does not have.
    """
    if bits not in BITS:
        raise PkiError(f"a key of {bits} bits\n    the sizes are {' and '.join(map(str, BITS))}")
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def key_pem(key: rsa.RSAPrivateKey) -> bytes:
    """The key in clear, PKCS#8: for sealing, never for a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request(bearer: Bearer, key: rsa.RSAPrivateKey, unit: str | None = None) -> bytes:
    """The request, PEM: subject in the national order, SAN (a server's), usages; signed with SHA-256.

    Raises:
        PkiError: the subject has a part that no certificate may carry.
    """
    try:
        subject = bearer.subject(unit)
    except ValueError as error:
        way_out = "the CN has at most 64 characters (X.520): choose a shorter name"
        raise PkiError.of(bearer.name, [Fault(f"no certificate can name it: {error}", way_out)]) from error
    usage = key_usage(digital_signature=True, key_encipherment=bearer.kind is Kind.SERVER)
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(bearer.kind.usages), critical=False)
    )
    if bearer.kind is Kind.SERVER:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(bearer.name)]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def instructions(bearer: Bearer, csr: x509.CertificateSigningRequest, file: str) -> str:
    """What to do with a request on the IGC-Santé platform, for the technical administrator who may order there."""
    offer, usage = ("SERV", "SSL_SERV") if bearer.kind is Kind.SERVER else ("ORG", "AUTH_CLI")
    named = "FQDN" if bearer.kind is Kind.SERVER else "service applicatif"
    one = bearer.establishment
    verb = "import" if bearer.kind is Kind.SERVER else f"import {bearer.words}"
    target = f" {bearer.name}" if bearer.kind is Kind.SERVER else ""
    return f"""\
On the IGC-Santé platform, as technical administrator of {one.name}:
  1. Demander: offer {offer}, structure {one.name} ({_unit(csr)}), then "Demander un nouveau produit".
  2. Usage {usage}, {named}: {bearer.name}
  3. Choose the request by CSR and paste the content of {file}:

{indent(csr.public_bytes(Encoding.PEM).decode().rstrip(), "     ")}

  4. The subject must come back exactly so (order included):
{indent(_lines(csr.subject), "     ")}
  5. Retirer: note the revocation code and keep it where it is found in the worst hour. Download the certificate, then:
     vaguemestre pki {verb}{target} FILE..."""


def _unit(csr: x509.CertificateSigningRequest) -> str:
    (unit,) = csr.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)
    what = "FINESS" if str(unit.value).startswith("1") else "SIRET"
    return f"{what} {str(unit.value)[1:]}"


def _lines(subject: x509.Name) -> str:
    return "\n".join(f"{one.rfc4514_attribute_name:<2} = {one.value!s}" for one in subject)
