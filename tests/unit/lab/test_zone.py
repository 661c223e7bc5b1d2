"""The lab's zone holds what mail needs to find its way, and nothing that leads elsewhere."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import dns.name
import dns.rdatatype
import dns.zone
import pytest

from vaguemestre.lab import Guest, MailDomain, Peer, Plan, Zone

HOST = "mail.lens.test"
PLAN = Plan(
    name="unit",
    network=IPv4Network("10.83.0.0/24"),
    guests=(Guest(HOST, IPv4Address("10.83.0.11")), Guest("mx2.lens.test", IPv4Address("10.83.0.12"))),
    domains=(MailDomain("lens.test", (HOST, "mx2.lens.test"), (HOST,), (HOST,)),),
    peers=(Peer("mx.peer.test", 100),),
)


@pytest.fixture(scope="module")
def zone() -> dns.zone.Zone:
    return dns.zone.from_text(Zone.of(PLAN).text(), origin=".", relativize=False)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("lens.test.", "MX", {"10 mail.lens.test.", "20 mx2.lens.test."}),
        ("mail.lens.test.", "A", {"10.83.0.11"}),
        ("11.0.83.10.in-addr.arpa.", "PTR", {"mail.lens.test."}),
        ("_submission._tcp.lens.test.", "SRV", {"10 0 587 mail.lens.test."}),
        ("_imap._tcp.lens.test.", "SRV", {"10 0 143 mail.lens.test."}),
        ("_imaps._tcp.lens.test.", "SRV", {"10 0 993 mail.lens.test."}),
        ("outside.example.", "MX", {"10 mx.outside.example."}),
        ("mx.outside.example.", "A", {"10.83.0.3"}),
        ("igc-sante.world.test.", "A", {"10.83.0.2"}),
        ("espacedeconfiance.world.test.", "A", {"10.83.0.2"}),
        ("ocsp.world.test.", "A", {"10.83.0.2"}),
        ("annuaire.world.test.", "A", {"10.83.0.2"}),
        ("gateway.world.test.", "A", {"10.83.0.2"}),
        ("1.0.83.10.in-addr.arpa.", "PTR", {"bridge.world.test."}),
        ("mx.peer.test.", "A", {"10.83.0.100"}),
        ("100.0.83.10.in-addr.arpa.", "PTR", {"mx.peer.test."}),
    ],
)
def test_a_name_leads_where_it_should(zone: dns.zone.Zone, name: str, kind: str, expected: set[str]) -> None:
    assert {str(record) for record in zone.find_rdataset(name, dns.rdatatype.from_text(kind))} == expected


def test_the_zone_is_the_root_so_that_other_names_do_not_exist(zone: dns.zone.Zone) -> None:
    assert zone.origin == dns.name.root
    assert zone.get_node("example.org.") is None


def test_the_serial_changes_with_the_content() -> None:
    other = Plan("unit", PLAN.network, PLAN.guests[:1], PLAN.domains)
    assert _serial(Zone.of(PLAN)) == _serial(Zone.of(PLAN)) != _serial(Zone.of(other))


def _serial(zone: Zone) -> int:
    return int(dns.zone.from_text(zone.text(), origin=".", relativize=False).get_soa().serial)
