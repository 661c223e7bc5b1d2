"""What an address book may show of a mailbox, and of which mailboxes. Pure; role openldap and the judge agree on it."""

from __future__ import annotations

KINDS = ("PER", "ORG", "CAB")
"""Kinds of mailbox that people look for; programs (APP) have other ways."""

PUBLIC = (
    *("entry", "objectClass", "mail", "displayName", "cn", "sn", "givenName", "personalTitle", "title"),
    *("o", "ou", "street", "l", "postalCode", "st", "description"),
    *("vgmMailboxType", "vgmPersonId", "vgmStructureId", "vgmService"),
    *("vgmPaperless", "vgmProfession", "vgmSpeciality"),
)
"""What whoever searches sees of a mailbox that is shown. The RPPS is public, the nation lists it: it tells homonyms
apart. Who answers for a mailbox is not (IG-MSS: responsible)."""

WORDS = ("vgmName", "vgmSound", "vgmTrade", "vgmSite", "vgmPlace")
"""Searched, never shown."""

CHOSEN = ("vgmState", "vgmRedList", "vgmSecretariat")
"""Shown besides to its holder and to its secretariat."""

PUBLISHED = (
    *("displayName", "sn", "givenName", "description", "vgmMailboxType", "vgmStateSince", "vgmCreated", "vgmPersonId"),
    *("vgmStructureId", "vgmService", "vgmResponsible", "vgmRank", "vgmRedList", "vgmPaperless", "vgmProfession"),
    *("vgmSpeciality", "entryCSN"),
)
"""What the nation is told of ours: all but password, storage, who writes past whom, and how searches go."""

ROUTED = ("entry", "objectClass", "mail", "vgmState")
"""What every daemon of the host that is known to the directory reads."""

READERS = {
    "dovecot": ("vgmQuotaMib", "vgmRedList", "vgmSecretariat"),
    "postfix": ("vgmSender",),
    "vgm-trust": ("vgmRedList", "vgmSecretariat", "vgmAllowed", "vgmRedListNotice", "entryCSN"),
    "vgm-annuaire": PUBLISHED,
}
"""What each daemon reads besides."""


def everybodys() -> str:
    """The filter (RFC 4515) that a mailbox of ours fits when everybody finds it."""
    return f"(&{_OPEN}(vgmRedList=none){_kinds()})"


def entitled() -> str:
    """The filter that a mailbox of ours fits when its holder and its secretariat find it, red-listed or not."""
    return f"(&{_OPEN}{_kinds()})"


_OPEN = "(objectClass=vgmMailbox)(vgmState=active)"


def _kinds() -> str:
    return f"(|{''.join(f'(vgmMailboxType={kind})' for kind in KINDS)})"
