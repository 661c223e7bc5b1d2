"""The second room of role openldap: the address book over LDAPS, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator

from vaguemestre.context import Context
from vaguemestre.release import Credential, Directory

FOLDER = "/etc/ldap/tls"  # Debian's AppArmor profile lets slapd read below /etc/ldap
CHAIN = f"{FOLDER}/chain.pem"
KEY = f"{FOLDER}/key.pem"
NATIONAL_DATABASE = "/var/lib/ldap/national"

# Kinds of mailbox that people look for: programs write to programs by other means.
KINDS = ("PER", "ORG", "CAB")

# What anybody who may search sees of a mailbox that is shown. The RPPS is public (the nation lists it), and tells
# homonyms apart; who answers for a mailbox is not (IG-MSS: responsible).
PUBLIC = (
    *("entry", "objectClass", "mail", "displayName", "cn", "sn", "givenName", "personalTitle", "title"),
    *("o", "ou", "street", "l", "postalCode", "st", "description"),
    *("vgmMailboxType", "vgmPersonId", "vgmStructureId", "vgmService"),
    *("vgmPaperless", "vgmProfession", "vgmSpeciality"),
)
WORDS = ("vgmName", "vgmSound", "vgmTrade", "vgmSite", "vgmPlace")  # searched, never shown

# What the nation is told of ours: all but the password, storage, and how searches go.
PUBLISHED = (
    *("displayName", "sn", "givenName", "description", "vgmMailboxType", "vgmStateSince", "vgmCreated", "vgmPersonId"),
    *("vgmStructureId", "vgmService", "vgmResponsible", "vgmRank", "vgmRedList", "vgmPaperless", "vgmProfession"),
    *("vgmSpeciality", "entryCSN"),
)

# More entries than this fit the index keys of a search: it is refused. slapd counts exactly up to 65,536 and takes
# anything greater for a range, that is for nearly all of the nation.
UNCHECKED = 65_536
PREFIX_LETTERS = 8

# OpenSSL's names; TLS 1.3 has its own suites, all of them good.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

_OPEN = "(vgmState=active)"


def shown() -> str:
    """The filter (RFC 4515) that a mailbox of ours fits when everybody finds it."""
    return f"(&(objectClass=vgmMailbox){_OPEN}(vgmRedList=none){_kinds()})"


def opened() -> str:
    """The filter that a mailbox fits when those who are entitled find it, red-listed or not."""
    return f"(&(objectClass=vgmMailbox){_OPEN}{_kinds()})"


def _kinds() -> str:
    return f"(|{''.join(f'(vgmMailboxType={kind})' for kind in KINDS)})"


def items(context: Context) -> Iterator[Directory | Credential]:
    """The certificate and key that slapd answers with, and the folder of the nation's database."""
    yield Directory(FOLDER)
    yield context.credential(CHAIN, "tls.pem", mode=0o644)
    yield context.credential(KEY, "tls.key", owner="openldap", group="openldap")
    yield Directory(NATIONAL_DATABASE, owner="openldap", group="openldap", mode=0o700)
