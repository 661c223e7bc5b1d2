"""Role edge: port 25 is nginx's, with the trust daemon behind every session, and nginx is nothing else."""

from __future__ import annotations

from dataclasses import replace

from golden.hosts import context

from roles import base, dovecot, edge, pki, postfix, trust
from vaguemestre.context import Context
from vaguemestre.establishment import RoleName
from vaguemestre.release import File, Unit

SMALLEST = context("smallest", "mail")
FULLEST = context("fullest", "mail.ch-lens")


def configuration(known: Context) -> str:
    return next(
        item.content.decode()
        for item in edge.items(known)
        if isinstance(item, File) and item.path == edge.CONFIGURATION
    )


def directives(known: Context) -> dict[str, list[str]]:
    """What nginx reads: each directive with its arguments, comments left out."""
    found: dict[str, list[str]] = {}
    for line in configuration(known).splitlines():
        words = line.split("#")[0].strip().rstrip(";{").strip()
        if words and words != "}":
            name, _, value = words.partition(" ")
            found.setdefault(name, []).append(value)
    return found


def test_nginx_speaks_mail_and_nothing_else() -> None:
    said = directives(SMALLEST)
    assert "http" not in said
    assert "include" not in said
    assert said["protocol"] == ["smtp"]


def test_every_session_is_put_to_the_daemon_with_its_certificate() -> None:
    said = directives(SMALLEST)
    assert said["auth_http"] == [f"http://unix:{trust.AUTH}:/"]
    assert said["auth_http_pass_client_cert"] == ["on"]
    assert said["ssl_verify_client"] == ["optional_no_ca"]
    assert said["starttls"] == ["only"]


def test_no_name_from_dns_reaches_postfix() -> None:
    """Whoever holds the reverse zone of an address would write what stands in XCLIENT."""
    assert "resolver" not in directives(FULLEST)


def test_tls_is_as_the_national_agency_wants_it_and_nothing_is_resumed() -> None:
    said = directives(SMALLEST)
    assert said["ssl_protocols"] == ["TLSv1.2 TLSv1.3"]
    assert said["ssl_ciphers"] == [dovecot.CIPHERS]
    assert all("ECDHE" in one for one in dovecot.CIPHERS.split(":"))
    assert said["ssl_session_tickets"] == said["ssl_session_cache"] == ["off"]


def test_the_size_announced_is_the_one_that_postfix_takes() -> None:
    sizes = [one for one in edge.capabilities(FULLEST) if "SIZE" in one]
    assert sizes == [f'"SIZE {postfix.size_limit(25)}"']


def test_ipv6_is_listened_on_only_where_the_host_has_it() -> None:
    assert edge.listen(SMALLEST) == ("25",)
    assert edge.listen(FULLEST) == ("25", "[::]:25 ipv6only=on")


def test_a_new_certificate_reloads_and_cuts_no_session() -> None:
    unit = next(item for item in edge.items(SMALLEST) if isinstance(item, Unit))
    assert unit.on_change == "reload"
    assert {pki.CHAIN, pki.KEY, pki.ANCHORS, edge.CONFIGURATION} <= set(unit.inputs)
    assert not {pki.CHAIN, pki.KEY, pki.ANCHORS, edge.CONFIGURATION} & set(unit.restart_on)


def firewall(known: Context) -> str:
    return next(i.content.decode() for i in base.items(known) if isinstance(i, File) and i.path == "/etc/nftables.conf")


def test_only_nginx_reaches_the_postfix_that_believes_it() -> None:
    guards = [line.strip() for line in firewall(SMALLEST).splitlines() if f"dport {trust.RELAY} " in line]
    assert guards == [
        'oif lo tcp dport 10025 meta skuid != { root, www-data } reject with tcp reset comment "nginx to Postfix"'
    ]


def test_the_ports_that_the_firewall_guards_are_those_that_postfix_opens() -> None:
    assert {one.port for one in base.inner(SMALLEST)} == {trust.RELAY, trust.NOTICES}


def test_one_peer_cannot_take_every_connection() -> None:
    assert firewall(SMALLEST).count(f"ct count over {base.SESSIONS}") == 2
    without = SMALLEST.host.model_copy(update={"roles": (RoleName.BASE, RoleName.PKI)})
    assert "ct count" not in firewall(replace(SMALLEST, host=without))
