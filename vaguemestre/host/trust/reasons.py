"""Why something is refused, deferred or let through: every answer the trust space gives, each once.

A reason carries a code that people look up in docs/refusals.md, the SMTP reply (RFC 5321 section 4.2, RFC 3463) and
what to say in French and English. Replies are ASCII (RFC 5321 section 4.2), so the French does without accents.

What waiting may mend is a 4xx, what it cannot is a 5xx. `final` is about the other direction: may mail *to* this peer
be sent back at once? A certificate that was seen and is bad says so now; a peer that was not reached may be tomorrow.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One possible answer; `name` is what logs, metrics and reports call it."""

    code: str
    name: str
    smtp: int
    status: str
    fr: str
    en: str
    final: bool = False

    @property
    def accepts(self) -> bool:
        return self.smtp == 250

    @property
    def temporary(self) -> bool:
        return 400 <= self.smtp < 500

    @property
    def text(self) -> str:
        """The reply without its three digits: ``5.7.1 texte / text [VGM-107]``."""
        return f"{self.status} {self.fr} / {self.en} [{self.code}]"


ACCEPTED = Reason("VGM-000", "accepted", 250, "2.0.0", "Accepte", "Accepted")

# --- The certificate ---------------------------------------------------------------------------------------------
NO_TLS = Reason(
    "VGM-101", "no_tls", 530, "5.7.0", "Chiffrement TLS exige entre operateurs", "TLS is required between operators"
)
NO_CERTIFICATE = Reason(
    "VGM-102",
    "no_certificate",
    550,
    "5.7.1",
    "Certificat d'operateur IGC-Sante exige",
    "an operator certificate of the national authority is required",
)
UNREADABLE_CERTIFICATE = Reason(
    "VGM-103",
    "unreadable_certificate",
    550,
    "5.7.1",
    "Certificat illisible",
    "the certificate cannot be read",
    final=True,
)
FOREIGN_AUTHORITY = Reason(
    "VGM-104",
    "foreign_authority",
    550,
    "5.7.1",
    "Certificat non emis par l'IGC-Sante",
    "the certificate was not issued by the national authority",
    final=True,
)
EXPIRED = Reason(
    "VGM-105", "expired", 451, "4.7.1", "Certificat d'operateur expire", "the operator certificate has expired", True
)
NOT_YET_VALID = Reason(
    "VGM-106",
    "not_yet_valid",
    451,
    "4.7.1",
    "Certificat d'operateur pas encore valide",
    "the operator certificate is not valid yet",
    final=True,
)
REVOKED = Reason(
    "VGM-107", "revoked", 550, "5.7.1", "Certificat d'operateur revoque", "the operator certificate is revoked", True
)
REVOCATION_UNKNOWN = Reason(
    "VGM-108",
    "revocation_unknown",
    451,
    "4.7.1",
    "Revocation du certificat non verifiable en ce moment",
    "revocation of the certificate cannot be checked at present",
)
WRONG_USAGE = Reason(
    "VGM-109",
    "wrong_usage",
    550,
    "5.7.1",
    "Certificat non prevu pour cet usage TLS",
    "the certificate is not made for this use of TLS",
    final=True,
)
UNUSABLE_SUBJECT = Reason(
    "VGM-110",
    "unusable_subject",
    550,
    "5.7.1",
    "Sujet (DN) du certificat inutilisable",
    "the subject (DN) of the certificate cannot be used",
    final=True,
)

# --- The white list ----------------------------------------------------------------------------------------------
SENDER_NOT_LISTED = Reason(
    "VGM-201",
    "sender_not_listed",
    550,
    "5.7.1",
    "Domaine expediteur hors de l'espace de confiance MSSante",
    "the sender's domain is outside the MSSante trust space",
)
DN_NOT_LISTED = Reason(
    "VGM-202",
    "dn_not_listed",
    550,
    "5.7.1",
    "Le certificat (DN) n'est pas inscrit en liste blanche pour ce domaine",
    "the certificate (DN) is not on the white list for this domain",
    final=True,
)
OPERATOR_NOT_LISTED = Reason(
    "VGM-203",
    "operator_not_listed",
    550,
    "5.7.1",
    "Certificat inconnu de la liste blanche",
    "the certificate is unknown to the white list",
)
OWN_DOMAIN = Reason(
    "VGM-204",
    "own_domain",
    550,
    "5.7.1",
    "Ce domaine est le notre: aucun autre operateur n'ecrit en son nom",
    "this domain is ours: no other operator writes in its name",
)
UNUSABLE_SENDER = Reason(
    "VGM-205", "unusable_sender", 550, "5.1.7", "Adresse d'expediteur inutilisable", "the sender address cannot be used"
)
FROM_DISAGREES = Reason(
    "VGM-206",
    "from_disagrees",
    550,
    "5.7.1",
    "L'en-tete From ne concorde pas avec l'expediteur",
    "the From header does not agree with the sender",
)
FROM_UNUSABLE = Reason(
    "VGM-207",
    "from_unusable",
    550,
    "5.6.0",
    "En-tete From absent, multiple ou illisible",
    "the From header is missing, repeated or unreadable",
)
RECIPIENT_NOT_LISTED = Reason(
    "VGM-208",
    "recipient_not_listed",
    550,
    "5.7.1",
    "Destinataire hors de l'espace de confiance MSSante: message non transmis",
    "recipient outside the MSSante trust space: not sent",
    final=True,
)
NOT_RELAYED = Reason(
    "VGM-209",
    "not_relayed",
    550,
    "5.7.1",
    "Ce domaine n'est pas servi ici et rien n'est relaye",
    "this domain is not served here, nothing is relayed",
)
UNUSABLE_RECIPIENT = Reason(
    "VGM-210",
    "unusable_recipient",
    550,
    "5.1.3",
    "Adresse de destinataire inutilisable",
    "the recipient address cannot be used",
)
LIST_STALE = Reason(
    "VGM-211",
    "list_stale",
    451,
    "4.7.1",
    "Absent de la liste blanche, qui n'a pu etre actualisee: a reessayer",
    "not on the white list, which could not be renewed: try again",
)
NO_LIST = Reason(
    "VGM-212",
    "no_list",
    451,
    "4.3.0",
    "Liste blanche indisponible: a reessayer",
    "the white list is not available: try again",
)

# --- The peer that mail goes to ----------------------------------------------------------------------------------
PEER_UNREACHABLE = Reason(
    "VGM-301",
    "peer_unreachable",
    451,
    "4.4.1",
    "Serveur destinataire injoignable",
    "the recipient's server cannot be reached",
)
PEER_SILENT = Reason(
    "VGM-302",
    "peer_silent",
    451,
    "4.4.2",
    "Serveur destinataire muet",
    "the recipient's server does not answer",
)
PEER_NO_TLS = Reason(
    "VGM-303",
    "peer_no_tls",
    550,
    "5.7.1",
    "Le serveur destinataire ne propose pas TLS: message non transmis",
    "the recipient's server does not offer TLS: not sent",
    final=True,
)
PEER_HANDSHAKE = Reason(
    "VGM-304",
    "peer_handshake",
    451,
    "4.7.5",
    "Negociation TLS avec le serveur destinataire impossible",
    "no TLS session with the recipient's server",
)
DNS_FAILED = Reason(
    "VGM-305",
    "dns_failed",
    451,
    "4.4.3",
    "Resolution DNS du domaine destinataire impossible",
    "DNS does not answer for the recipient's domain",
)
PEER_NULL_MX = Reason(
    "VGM-306",
    "peer_null_mx",
    556,
    "5.1.10",
    "Ce domaine declare ne recevoir aucun courrier (MX nul)",
    "this domain says that it takes no mail (null MX)",
    final=True,
)
PEER_BUSY = Reason(
    "VGM-307",
    "peer_check_delayed",
    451,
    "4.4.5",
    "Trop de verifications de serveurs en cours: a reessayer",
    "too many servers are being checked: try again",
)

# --- The red list ------------------------------------------------------------------------------------------------
# What senders see is the same for everybody; the journal says why.
TO_SECRETARIAT = Reason("VGM-400", "to_secretariat", 250, "2.0.0", "Accepte", "Accepted")
MAILBOX_UNAVAILABLE = Reason(
    "VGM-401",
    "mailbox_unavailable",
    451,
    "4.2.1",
    "Boite momentanement indisponible: a reessayer",
    "this mailbox does not take mail at present: try again",
)

# --- Ourselves ---------------------------------------------------------------------------------------------------
INTERNAL = Reason("VGM-901", "internal_error", 451, "4.3.0", "Erreur interne: a reessayer", "internal error: try again")

REASONS = tuple(value for value in tuple(globals().values()) if isinstance(value, Reason))
BY_NAME = {reason.name: reason for reason in REASONS}
