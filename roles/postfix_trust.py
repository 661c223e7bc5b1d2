"""Who may write to whom, as Postfix restrictions, in the order in which they are asked.

What the trust space says is the daemon's to decide (role trust); here is when it is asked, and what this host knows
by itself: its own domains, its mailboxes, who is logged in. A restriction list ends with the first rule that decides
(access(5), postconf(5)); every list here ends with a refusal. RFC 5321 replies are ASCII, so the French texts do
without accents.
"""

from __future__ import annotations

from dataclasses import dataclass

from roles import trust
from vaguemestre.host.trust.reasons import NOT_RELAYED, RECIPIENT_NOT_LISTED

OWN = "/etc/postfix/own-domains"
ROUTES = "/etc/postfix/own-routes"
SECRETARIAT_REPLIES = "/etc/postfix/secretariat-replies"
CLOSED = "proxy:ldap:/etc/postfix/ldap/closed.cf"
SENDERS = "proxy:ldap:/etc/postfix/ldap/senders.cf"
LOGINS = "proxy:ldap:/etc/postfix/ldap/logins.cf"

POLICY = f"check_policy_service unix:{trust.POLICY}"
MILTER = f"unix:{trust.MILTER}"
# Our own domains first, each with its whole addresses: mail that stays here never waits for the daemon.
TRANSPORT = (f"regexp:{ROUTES}", f"socketmap:unix:{trust.MAP}:transport")
TLS_POLICY = f"socketmap:unix:{trust.MAP}:tls"

OUTSIDE_RECIPIENT = RECIPIENT_NOT_LISTED.text
NOT_OPEN = "5.7.1 Votre boite n'est pas ouverte / your mailbox is not open"
CLOSED_MAILBOX = "5.2.1 Cette boite est fermee / this mailbox is closed"
NOT_FORWARDED = (
    "5.7.1 Une redirection automatique reste dans nos domaines: message non transmis "
    "/ automatic forwarding stays inside our own domains: not sent"
)
AWAY = "451 4.3.5 Service momentanement indisponible / temporarily unavailable"

# The null sender of reports (RFC 5321 section 6.1) has no domain.
_NULL_SENDER = "inline:{{<>=OK}}"


# A mailbox of ours must exist and be open; asked before the message is taken, so nothing bounces.
_MAILBOX = (f"check_recipient_access {CLOSED}", "reject_unlisted_recipient")


@dataclass(frozen=True)
class Restrictions:
    """The rules of one door, by the point of the SMTP session they speak of (SMTPD_ACCESS_README)."""

    door: str
    sender: tuple[str, ...]
    relay: tuple[str, ...]
    recipient: tuple[str, ...]
    client: tuple[str, ...] = ()


def edge(quota_service: str, deferred: tuple[str, ...] = ()) -> Restrictions:
    """Port 25, behind nginx: operators that have proved who they are, to mailboxes of ours.

    The sender is asked about at MAIL FROM of every transaction, with the identity that nginx passed on; without one,
    the daemon refuses. At each recipient it is asked about the red list. DUNNO leaves the word to the next rule; OK for
    what goes to a secretariat, ends the list before the recipient's own quota. `deferred` are checks that come first.
    """
    return Restrictions(
        door="edge",
        sender=(POLICY,),
        relay=("permit_auth_destination", _refuse("check_recipient_access", NOT_RELAYED.text), "reject"),
        recipient=(*deferred, *_MAILBOX, POLICY, _quota(quota_service), "permit_auth_destination", "reject"),
    )


def submission(quota_service: str) -> Restrictions:
    """Port 587: people of ours, logged in, writing in their own name, inside the space."""
    return Restrictions(
        door="submission",
        client=("permit_sasl_authenticated", "reject"),
        sender=(
            f"check_sasl_access {LOGINS}",
            "reject_sender_login_mismatch",
            "permit_sasl_authenticated",
            "reject",
        ),
        relay=("permit_sasl_authenticated", "reject"),
        recipient=(
            "reject_non_fqdn_recipient",
            *_MAILBOX,
            POLICY,
            _quota(quota_service),
            "permit_auth_destination",
            "permit_sasl_authenticated",
            "reject",
        ),
    )


def inside(quota_service: str, *, red_list: bool) -> Restrictions:
    """What this machine writes by itself: the daemon's alarms, people's filters (Sieve).

    Forwarded mail bears a sender of ours and stays in our own domains. The null sender is that of automatic answers
    (RFC 5230 section 5.1), which may go wherever their writer could have written.

    The red list is asked only where it may say no to a colleague's filter: else alarms would wait with the daemon.
    """
    return Restrictions(
        door="inside",
        client=("permit_mynetworks", "reject"),
        sender=(
            f"check_sender_access {_NULL_SENDER}",
            f"check_sender_access texthash:{OWN}",
            _refuse("check_sender_access", NOT_FORWARDED),
            "reject",
        ),
        relay=(
            "permit_auth_destination",
            f"check_sender_access {_NULL_SENDER}",
            _refuse("check_recipient_access", NOT_FORWARDED),
            "reject",
        ),
        recipient=(
            *_MAILBOX,
            *((POLICY,) if red_list else ()),
            _quota(quota_service),
            "permit_auth_destination",
            POLICY,
            f"check_sender_access {_NULL_SENDER}",
            "reject",
        ),
    )


def _quota(service: str) -> str:
    """The mailbox must have room; asked before the message is taken, so nothing bounces."""
    return f"check_policy_service unix:{service}"


def _refuse(check: str, text: str) -> str:
    return f"{check} static:{{550 {text}}}"
