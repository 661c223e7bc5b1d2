"""Who may write to whom: the trust space as Postfix restrictions, in the order in which they are asked.

All rules about trust are here, as values, and nowhere else: the white list and revocation will replace this module's
answers, not the rest of role postfix. A restriction list ends with the first rule that decides (access(5),
postconf(5)); every list here ends with a refusal.

RFC 5321 replies are ASCII, so the French texts do without accents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SPACE = "/etc/postfix/trust-space"
OWN = "/etc/postfix/own-domains"
CLOSED = "proxy:ldap:/etc/postfix/ldap/closed.cf"
SENDERS = "proxy:ldap:/etc/postfix/ldap/senders.cf"

NO_CERTIFICATE = (
    "5.7.1 Certificat d'operateur IGC-Sante valide exige "
    "/ a valid operator certificate of the national authority is required"
)
OUTSIDE_RECIPIENT = (
    "5.7.1 Destinataire hors de l'espace de confiance MSSante: message non transmis "
    "/ recipient outside the MSSante trust space: not sent"
)
OUTSIDE_SENDER = (
    "5.7.1 Expediteur hors de l'espace de confiance MSSante: message refuse "
    "/ sender outside the MSSante trust space: refused"
)
NOT_RELAYED = (
    "5.7.1 Ce domaine n'est pas servi ici et rien n'est relaye / this domain is not served here, nothing is relayed"
)
SPOOFED = (
    "5.7.1 Ce domaine est le notre: aucun autre operateur n'ecrit en son nom "
    "/ this domain is ours: no other operator writes in its name"
)
CLOSED_MAILBOX = "5.2.1 Cette boite est fermee / this mailbox is closed"

# The table of the space says `domain -> TLS policy`; as an access table all that counts is that it knows the domain.
_IN_SPACE = f"pipemap:{{texthash:{SPACE},static:OK}}"
# The null sender of reports (RFC 5321 section 6.1) has no domain; the certificate has spoken for it already.
_NULL_SENDER = "inline:{{<>=OK}}"


@dataclass(frozen=True)
class Restrictions:
    """The rules of one service, by the point of the SMTP session they speak of (SMTPD_ACCESS_README)."""

    client: tuple[str, ...]
    sender: tuple[str, ...]
    relay: tuple[str, ...]
    recipient: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A domain of other operators, and the TLS policy for it (`smtp_tls_policy_maps`, postconf(5))."""

    domain: str
    policy: str


def edge(quota_service: str) -> Restrictions:
    """Port 25: other operators, proven by certificate, writing from the space to mailboxes of ours.

    The certificate is asked for, not required, in the handshake: requiring it there would hang up without a word, and
    the peer would try in vain for days. The first list refuses whoever has shown no verified one, and says so.
    """
    return Restrictions(
        client=("permit_tls_all_clientcerts", _refuse("check_client_access", NO_CERTIFICATE), "reject"),
        sender=(
            f"check_sender_access {_NULL_SENDER}",
            f"check_sender_access texthash:{OWN}",
            f"check_sender_access {_IN_SPACE}",
            _refuse("check_sender_access", OUTSIDE_SENDER),
            "reject",
        ),
        relay=("permit_auth_destination", _refuse("check_recipient_access", NOT_RELAYED), "reject"),
        recipient=(*_mailbox(quota_service), "permit_auth_destination", "reject"),
    )


def submission(quota_service: str) -> Restrictions:
    """Port 587: people of ours, logged in, writing in their own name to the space."""
    return Restrictions(
        client=("permit_sasl_authenticated", "reject"),
        sender=("reject_sender_login_mismatch", "permit_sasl_authenticated", "reject"),
        relay=("permit_sasl_authenticated", "reject"),
        recipient=(
            "reject_non_fqdn_recipient",
            *_mailbox(quota_service),
            "permit_auth_destination",
            f"check_recipient_access {_IN_SPACE}",
            _refuse("check_recipient_access", OUTSIDE_RECIPIENT),
            "reject",
        ),
    )


def members(peers: Mapping[str, tuple[str, ...]], own: tuple[str, ...]) -> tuple[Member, ...]:
    """The space without our own domains: whom we may write to, and the names their certificates may bear.

    Names come from the inventory, not from DNS: whoever forges an MX record gains nothing by a national certificate
    of his own. A domain whose operator has no known mail host cannot be proven, so it is left out and refused.
    """
    others = {domain: names for domain, names in peers.items() if domain not in own and names}
    return tuple(Member(domain, f"secure match={':'.join(names)}") for domain, names in sorted(others.items()))


def _mailbox(quota_service: str) -> tuple[str, ...]:
    """A mailbox of ours must exist, be open and have room; asked before the message is taken, so nothing bounces."""
    return (
        f"check_recipient_access {CLOSED}",
        "reject_unlisted_recipient",
        f"check_policy_service unix:{quota_service}",
    )


def _refuse(check: str, text: str) -> str:
    return f"{check} static:{{550 {text}}}"
