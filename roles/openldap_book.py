"""The second room of role openldap: the address book over LDAPS. What it shows is said in vaguemestre.host.book."""

from __future__ import annotations

from collections.abc import Iterator

from vaguemestre.context import Context
from vaguemestre.establishment import Debian
from vaguemestre.release import Credential, Directory

FOLDER = "/etc/ldap/tls"  # Debian's AppArmor profile lets slapd read below /etc/ldap
CHAIN = f"{FOLDER}/chain.pem"
KEY = f"{FOLDER}/key.pem"
NATIONAL_DATABASE = "/var/lib/ldap/national"

# More entries than this fit the index keys of a search: it is refused. slapd counts exactly up to 65,536 and takes
# anything greater for a range, that is for nearly all of the nation.
UNCHECKED = 65_536

# OpenSSL's names; TLS 1.3 has its own suites, all of them good. Debian 12's OpenLDAP is built with GnuTLS, which reads
# priorities (gnutls-cli(1)) and takes from them the versions of TLS too.
CIPHERS = {
    Debian.TRIXIE: "ECDHE+AESGCM:ECDHE+CHACHA20",
    Debian.BOOKWORM: "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+GROUP-ALL:+ECDHE-RSA:+ECDHE-ECDSA:+AES-256-GCM:+AES-128-GCM"
    ":+CHACHA20-POLY1305:+AEAD:+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:+COMP-NULL:+CTYPE-X509",
}


def items(context: Context) -> Iterator[Directory | Credential]:
    """The certificate and key that slapd answers with, and the folder of the nation's database."""
    yield Directory(FOLDER)
    yield context.credential(CHAIN, "tls.pem", mode=0o644)
    yield context.credential(KEY, "tls.key", owner="openldap", group="openldap")
    yield Directory(NATIONAL_DATABASE, owner="openldap", group="openldap", mode=0o700)
