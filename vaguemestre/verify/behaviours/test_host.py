"""The host itself, asked over SSH by testinfra and from outside."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from testinfra.host import Host

from vaguemestre.establishment import Host as Edge
from vaguemestre.verify.site import Site

FOR_OTHERS = {22, 25, 143, 587, 636, 993, 4190}
TUNNEL = 10026
NEVER_FROM_OUTSIDE = (24, 80, 110, 111, 389, 443, 465, 953, 3306, 8080, TUNNEL, 12345)


def test_nothing_failed(host: Host) -> None:
    """No service of the host has failed."""
    assert host.check_output("systemctl list-units --state=failed --no-legend --plain") == ""


@pytest.mark.requirement(68)
def test_survives_a_reboot(host: Host) -> None:
    """Mail services come back by themselves after a reboot."""
    for unit in ("postfix", "dovecot", "slapd", "nftables"):
        assert host.service(unit).is_enabled, f"{unit} would not start at boot"


def test_nothing_else_answers(site: Site) -> None:
    """From outside only SSH, mail and the address book answer."""
    with ThreadPoolExecutor(len(NEVER_FROM_OUTSIDE)) as pool:  # a firewall that drops makes each wait
        found = pool.map(lambda port: _answers(site.ip, port), NEVER_FROM_OUTSIDE)
    answering = [port for port, answers in zip(NEVER_FROM_OUTSIDE, found, strict=True) if answers]
    assert not answering, f"ports {answering} answer from outside"


def _answers(ip: str, port: int) -> bool:
    try:
        with socket.create_connection((ip, port), timeout=0.7):
            return True
    except OSError:
        return False


def test_nothing_else_listens(site: Site, host: Host) -> None:
    """What listens beyond the host itself is SSH, mail and the address book, even with the firewall down."""
    sockets = [text.removeprefix("tcp://").rpartition(":") for text in host.socket.get_listening_sockets()]
    wide = {
        int(port) for address, _, port in sockets if port.isdigit() and not address.startswith(("127.", "[::1", "::1"))
    }
    # Edges on hosts of their own prove themselves to that port by certificate before a byte of SMTP is read.
    tunnel = {TUNNEL} if site.operator.edges_apart else set()
    allowed = FOR_OTHERS | {site.host.ssh_port} | tunnel
    assert wide <= allowed, f"ports {sorted(wide - allowed)} listen to the world"


@pytest.mark.requirement(31)
def test_key_is_private(host: Host) -> None:
    """The private key of the host can be read by root alone."""
    with host.sudo():
        key = host.file("/etc/vaguemestre/tls/key.pem")
        assert (key.exists, key.user, key.mode) == (True, "root", 0o600)


@pytest.mark.requirement(67)
def test_clock(host: Host) -> None:
    """The host's clock agrees with the administrator's to two seconds."""
    before = time.time()
    theirs = float(host.check_output("date +%s.%N"))
    after = time.time()
    assert before - 2 <= theirs <= after + 2, f"the clock is off by {theirs - after:.1f} s"


@pytest.mark.requirement(34)
def test_mx(site: Site, edge: Edge) -> None:
    """The domain's MX is the host that the certificate names, and its address leads back to that name."""
    from vaguemestre.verify.names import addresses, exchangers, reverse

    assert edge.name in exchangers(site, site.domain)
    assert str(edge.address) in addresses(site, edge.name)
    assert reverse(site, str(edge.address)) == edge.name


@pytest.mark.requirement(50)
@pytest.mark.parametrize(("service", "port"), [("_imap._tcp", 143), ("_submission._tcp", 587)])
def test_mail_clients_find_the_way(site: Site, service: str, port: int) -> None:
    """Mail clients find the host by the SRV record {service} (RFC 6186)."""
    from vaguemestre.verify.names import services

    assert (site.host.name, port) in services(site, f"{service}.{site.domain}")
