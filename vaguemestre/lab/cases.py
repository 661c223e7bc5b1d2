"""The audit cases of the rehearsal trust space, each once; docs/audit-trust.md tells them to people.

The first seven are those of the national audit, by the names of its domains in the published white list; the others
are what mail servers and certificates also get wrong. Add a case here and it is played by the lab, tried by
`vaguemestre audit-trust`, and asserted by tests/lab/test_audit_trust.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vaguemestre.lab.case import SUFFIX, Case, Host, Line, Recipe, Transaction

ACCEPTED = "accepted"


def _case(
    part: int, slug: str, fr: str, en: str, inbound: str | None, outbound: str | None, recipe: Recipe | None = None,
    *, listed: tuple[Line, ...] | None = None, **more: Any,
) -> Case:  # fmt: skip
    """A case of one host, listed for its domain with its own DN unless `listed` says otherwise."""
    domain = more.pop("domain", f"{slug}.{SUFFIX}")
    certificate = recipe or Recipe("")
    certificate = certificate if certificate.cn else replace(certificate, cn=f"mx.{domain}")
    hosts = more.pop("hosts", None) or (Host(f"mx.{domain}", part, certificate, more.pop("manner", "tls")),)
    lines = (Line(domain, certificate.dn),) if listed is None else listed
    return Case(slug, fr, en, domain, hosts, lines, inbound, outbound, **more)


def _lines(domain: str, *dns: str) -> tuple[Line, ...]:
    return tuple(Line(domain, dn) for dn in dns)


def _at(slug: str) -> str:
    return f"{slug}.{SUFFIX}"


def _own(slug: str, **different: str) -> Recipe:
    return replace(Recipe(f"mx.{_at(slug)}"), **different)  # type: ignore[arg-type]


NATIONAL = (
    _case(
        100, "cert-valide-audit", "Certificat valide, inscrit", "Valid certificate, listed",
        ACCEPTED, ACCEPTED,
    ),
    _case(
        101, "sans-tls-audit", "Sans TLS", "No TLS",
        "no_tls", "peer_no_tls", session="clear", manner="clear",
    ),
    _case(
        102, "cert-non-igc-audit", "Autorité non nationale", "Not the national authority",
        "foreign_authority", "foreign_authority", Recipe("", issuer="other"),
    ),
    _case(
        103, "cert-expire-audit", "Certificat expiré", "Expired certificate",
        "expired", "expired", Recipe("", dates="past"),
    ),
    _case(
        104, "cert-revoque-audit", "Certificat révoqué", "Revoked certificate",
        "revoked", "revoked", Recipe("", revoked=True),
    ),
    _case(
        105, "cert-no-match-audit", "Certificat inscrit pour un autre domaine", "Certificate listed for another domain",
        "dn_not_listed", "dn_not_listed",
        listed=(
            Line(_at("cert-no-match-audit"), _own("autre-operateur-audit").dn),
            Line(_at("autre-operateur-audit"), _own("cert-no-match-audit").dn),
        ),
    ),
    _case(
        106, "cert-cn-diff-dn-audit", "CN juste, DN faux", "CN right, DN wrong",
        "dn_not_listed", "dn_not_listed", _own("cert-cn-diff-dn-audit", organisation="AUTRE STRUCTURE (TEST)"),
        listed=_lines(_at("cert-cn-diff-dn-audit"), _own("cert-cn-diff-dn-audit").dn),
    ),
)  # fmt: skip

CERTIFICATE = (
    _case(
        107, "cert-ou-diff-audit", "CN et O justes, numéro de structure (OU) faux",
        "CN and O right, structure number (OU) wrong",
        "dn_not_listed", "dn_not_listed", _own("cert-ou-diff-audit", structure="1750099902"),
        listed=_lines(_at("cert-ou-diff-audit"), _own("cert-ou-diff-audit").dn),
    ),
    _case(
        108, "cert-futur-audit", "Certificat pas encore valide", "Certificate not yet valid",
        "not_yet_valid", "not_yet_valid", Recipe("", dates="future"),
    ),
    _case(
        109, "chaine-courte-audit", "Chaîne incomplète, autorité émettrice connue",
        "Chain incomplete, issuing authority held",
        ACCEPTED, ACCEPTED, Recipe("", leaf_only=True),
    ),
    _case(
        110, "chaine-inconnue-audit", "Émis par une autorité sous la racine que personne ne détient, non envoyée",
        "Issued below the national root by an authority that nobody holds, not sent",
        "foreign_authority", "foreign_authority", Recipe("", issuer="sub", leaf_only=True),
    ),
    _case(
        111, "autre-gamme-audit", "Émis par une autre autorité de la racine nationale, chaîne complète",
        "Issued by another authority of the national root, chain whole",
        "foreign_authority", "foreign_authority", Recipe("", issuer="sub-sent"),
    ),
    _case(
        112, "auto-signe-audit", "Certificat auto-signé", "Self-signed certificate",
        "foreign_authority", "foreign_authority", Recipe("", issuer="self"),
    ),
    _case(
        113, "faux-national-audit", "Fausse autorité au nom de la nationale", "False authority with the national names",
        "foreign_authority", "foreign_authority", Recipe("", issuer="forged"),
    ),
    _case(
        114, "usage-client-audit", "Certificat réservé au rôle de client TLS", "Certificate for TLS clients only",
        ACCEPTED, "wrong_usage", Recipe("", usage="client"),
    ),
    _case(
        115, "usage-serveur-audit", "Certificat réservé au rôle de serveur TLS", "Certificate for TLS servers only",
        "wrong_usage", ACCEPTED, Recipe("", usage="server"),
    ),
    _case(
        116, "sans-certificat-audit", "TLS sans certificat client", "TLS without a client certificate",
        "no_certificate", None, session="no-certificate",
    ),
    _case(
        117, "cn-sans-rapport-audit", "CN sans rapport avec le domaine ni le serveur",
        "CN unrelated to domain and host",
        ACCEPTED, ACCEPTED, Recipe("rassconsult"),
    ),
)  # fmt: skip

NAMES = (
    _case(
        120, "joker-certificat-audit", "CN joker (*) dans le certificat", "Wildcard CN in the certificate",
        "dn_not_listed", "dn_not_listed", Recipe(f"*.{_at('joker-certificat-audit')}"),
        listed=_lines(_at("joker-certificat-audit"), _own("joker-certificat-audit").dn),
    ),
    _case(
        121, "joker-liste-audit", "Joker (*) dans la liste blanche", "Wildcard in the white list",
        "sender_not_listed", "recipient_not_listed", domain=f"service.{_at('joker-liste-audit')}",
        listed=_lines(f"*.{_at('joker-liste-audit')}", _own("joker-liste-audit").dn),
    ),
    _case(
        122, "nul-dn-audit", "Octet nul dans le CN", "NUL byte in the CN",
        "unusable_subject", "unusable_subject", Recipe(f"mx.{_at('nul-dn-audit')}\x00.intrus.test"),
        listed=_lines(_at("nul-dn-audit"), _own("nul-dn-audit").dn),
    ),
    _case(
        123, "invisible-dn-audit", "Caractère invisible dans le DN", "Invisible character in the DN",
        "unusable_subject", "unusable_subject", _own("invisible-dn-audit", organisation="STRUC\u200bTURE (TEST)"),
        listed=_lines(_at("invisible-dn-audit"), _own("invisible-dn-audit", organisation="STRUCTURE (TEST)").dn),
    ),
    _case(
        124, "caracteres-dn-audit", "Caractères inhabituels dans le DN", "Unusual characters in the DN",
        ACCEPTED, ACCEPTED, _own("caracteres-dn-audit", organisation="L'Étoile, Frères & Cie; n°5 + <été> \\ \"x\""),
        listed=_lines(
            _at("caracteres-dn-audit"),
            _own(
                "caracteres-dn-audit", organisation="L'Étoile\\, Frères & Cie\\; n°5 \\+ \\<été\\> \\\\ \\\"x\\\""
            ).dn,
        ),
    ),
    _case(
        125, "dn-sale-audit", "DN mal recopié en liste (espaces, guillemets, L pour ST)",
        "Dirty spelling of the DN in the list (spaces, quotes, L for ST)",
        ACCEPTED, ACCEPTED, _own("dn-sale-audit", organisation="CENTRE DU LAC (TEST)"),
        listed=_lines(
            _at("dn-sale-audit"),
            f'CN=mx.{_at("dn-sale-audit")} ,  OU=1750099901, O="CENTRE\u00a0DU   LAC (TEST)", L=Paris(75), C=FR',
        ),
    ),
    _case(
        126, "plusieurs-dn-1-audit", "Plusieurs DN inscrits : le premier", "Several DNs listed: the first",
        ACCEPTED, ACCEPTED,
        listed=_lines(
            _at("plusieurs-dn-1-audit"),
            *(_own("plusieurs-dn-1-audit").dn, _own("mta-b-audit").dn, _own("mta-c-audit").dn),
        ),
    ),
    _case(
        127, "plusieurs-dn-3-audit", "Plusieurs DN inscrits : le dernier", "Several DNs listed: the last",
        ACCEPTED, ACCEPTED,
        listed=_lines(
            _at("plusieurs-dn-3-audit"),
            *(_own("mta-a-audit").dn, _own("mta-b-audit").dn, _own("plusieurs-dn-3-audit").dn),
        ),
    ),
)  # fmt: skip

DOMAINS = (
    _case(
        130, "non-inscrit-audit", "Certificat national, domaine hors liste", "National certificate, domain not listed",
        "sender_not_listed", "recipient_not_listed", listed=(),
    ),
    _case(
        131, "enfant-audit", "Sous-domaine non inscrit d'un domaine inscrit", "Unlisted child of a listed domain",
        "sender_not_listed", "recipient_not_listed", domain=f"enfant.{_at('parent-audit')}",
        listed=_lines(_at("parent-audit"), Recipe(f"mx.enfant.{_at('parent-audit')}").dn),
    ),
    _case(
        132, "hors-suffixe-audit", "Domaine sans le suffixe mssante (passerelle)", "Domain without the mssante suffix",
        ACCEPTED, ACCEPTED, domain="interop-mssante.apicrypt.test",
    ),
    _case(
        133, "casse-audit", "Domaine en casse mêlée", "Domain in mixed case",
        ACCEPTED, ACCEPTED,
        listed=_lines("Casse-AUDIT.EspaceDeConfiance.test", _own("casse-audit").dn),
        transactions=(Transaction(sender="audit@CASSE-audit.Espacedeconfiance.TEST"),),
        mailbox="audit@cASSE-Audit.EspaceDeConfiance.test",
    ),
    _case(
        134, "idn-audit", "Domaine internationalisé (IDN), inscrit avec ses accents",
        "Internationalised domain (IDN), listed with its accents",
        ACCEPTED, ACCEPTED, domain="xn--idn-hpital-audit-rvb.espacedeconfiance.test",
        listed=_lines(
            "idn-hôpital-audit.espacedeconfiance.test", Recipe(f"mx.{_at('xn--idn-hpital-audit-rvb')}").dn
        ),
    ),
    _case(
        135, "deux-domaines-audit", "Deux domaines dans une session, le second non inscrit pour le certificat",
        "Two domains in one session, the second not listed for the certificate",
        "dn_not_listed", None,
        listed=(
            Line(_at("deux-domaines-audit"), _own("deux-domaines-audit").dn),
            Line(_at("second-domaine-audit"), _own("second-domaine-audit").dn),
        ),
        transactions=(Transaction(), Transaction(sender=f"audit@{_at('second-domaine-audit')}")),
    ),
)  # fmt: skip

SENDERS = (
    _case(
        140, "from-usurpe-audit", "En-tête From d'un autre que l'expéditeur", "Header From of another than the sender",
        "from_disagrees", None, transactions=(Transaction(header_from="medecin@{own}"),),
    ),
    _case(
        141, "from-double-audit", "Deux en-têtes From", "Two From headers",
        "from_unusable", None, transactions=(Transaction(authors=2),),
    ),
    _case(
        136, "from-nom-usurpe-audit", "En-tête From dont le nom affiché montre une autre adresse",
        "From header whose displayed name shows another address",
        "from_unusable", None, transactions=(Transaction(name="medecin@{own}"),),
    ),
    _case(
        142, "retour-audit", "Expéditeur nul d'un opérateur inscrit", "Null sender, from a listed operator",
        ACCEPTED, None, transactions=(Transaction(sender="", header_from="MAILER-DAEMON@{host}"),),
    ),
    _case(
        143, "retour-inconnu-audit", "Expéditeur nul d'un opérateur inconnu de la liste",
        "Null sender, from an operator unknown to the list",
        "operator_not_listed", None, listed=(),
        transactions=(Transaction(sender="", header_from="MAILER-DAEMON@{host}"),),
    ),
    _case(
        144, "retour-usurpe-audit", "Expéditeur nul, From d'un autre opérateur",
        "Null sender, From of another operator",
        "from_disagrees", None,
        transactions=(Transaction(sender="", header_from=f"medecin@{_at('cert-valide-audit')}"),),
    ),
    _case(
        145, "domaine-usurpe-audit", "Expéditeur dans le domaine de l'opérateur audité",
        "Sender in the audited operator's own domain",
        "own_domain", None, transactions=(Transaction(sender="medecin@{own}"),),
    ),
    _case(
        146, "relais-dehors-audit", "Relais vers l'extérieur", "Relay to the outside",
        "not_relayed", None, transactions=(Transaction(recipient="audit@outside.example"),),
    ),
    _case(
        147, "relais-dedans-audit", "Relais vers un autre opérateur", "Relay to another operator",
        "not_relayed", None, transactions=(Transaction(recipient=f"audit@{_at('cert-valide-audit')}"),),
    ),
    _case(
        148, "relais-second-audit", "Relais vers l'extérieur par un second destinataire",
        "Relay to the outside by a second recipient",
        "not_relayed", None, transactions=(Transaction(second="audit@outside.example"),),
    ),
    _case(
        149, "xclient-audit", "Commande XCLIENT pour changer d'identité en cours de session",
        "XCLIENT command to change identity within the session",
        "dn_not_listed", None,
        listed=(
            Line(_at("xclient-audit"), _own("xclient-audit").dn),
            Line(_at("xclient-second-audit"), _own("xclient-second-audit").dn),
        ),
        transactions=(
            Transaction(),
            Transaction(
                sender=f"audit@{_at('xclient-second-audit')}", command="XCLIENT ADDR=127.0.0.1 LOGIN=administrateur"
            ),
        ),
    ),
)  # fmt: skip


def _pair(slug: str, first: Host, second: Host) -> dict[str, Any]:
    return {
        "hosts": (first, second),
        "listed": _lines(_at(slug), first.certificate.dn, second.certificate.dn),
    }


def _mx(number: int, slug: str, part: int, **different: Any) -> Host:
    name = f"mx{number}.{_at(slug)}"
    manner = different.pop("manner", "tls")
    return Host(name, part, replace(Recipe(name), **different), manner)


SERVERS = (
    _case(
        150, "mx-mauvais-audit", "Deux MX : le premier révoqué, le second juste",
        "Two MX: the first revoked, the second right", None, ACCEPTED,
        **_pair("mx-mauvais-audit", _mx(1, "mx-mauvais-audit", 150, revoked=True), _mx(2, "mx-mauvais-audit", 151)),
    ),
    _case(
        152, "mx-absent-audit", "Deux MX : le premier éteint, le second juste",
        "Two MX: the first down, the second right", None, ACCEPTED,
        **_pair("mx-absent-audit", _mx(1, "mx-absent-audit", 152, manner="closed"), _mx(2, "mx-absent-audit", 153)),
    ),
    _case(
        157, "renouvele-audit", "Certificat renouvelé entre la vérification et l'envoi",
        "Certificate renewed between the check and the delivery", None, ACCEPTED, manner="renewed",
    ),
    _case(
        154, "muet-audit", "Serveur muet", "Silent server", None, "peer_silent", manner="silent",
    ),
    _case(
        155, "eteint-audit", "Serveur éteint", "Server down", None, "peer_unreachable", manner="closed",
    ),
    _case(
        156, "tls-ancien-audit", "TLS 1.1 seulement", "TLS 1.1 only", None, "peer_handshake", manner="old-tls",
    ),
)  # fmt: skip

CASES: tuple[Case, ...] = (*NATIONAL, *CERTIFICATE, *NAMES, *DOMAINS, *SENDERS, *SERVERS)
BY_SLUG = {case.slug: case for case in CASES}
