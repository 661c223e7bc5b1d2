"""What a lab's nation publishes: a list that passes for the national one, and revocation that follows what is done."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from cryptography import x509

from vaguemestre.host.trust.whitelist import WhiteList, read
from vaguemestre.lab import CertificateRequest, Guest, Listed, MailDomain, Plan
from vaguemestre.lab.certificates import ensure_authority
from vaguemestre.lab.nation import LIST_FILE, Nation
from vaguemestre.lab.plan import SIGNER

ONE, TWO = "mx1.lens.test", "mx2.lens.test"
PLAN = Plan(
    name="unit",
    network=IPv4Network("10.83.0.0/24"),
    guests=(Guest(ONE, IPv4Address("10.83.0.11")), Guest(TWO, IPv4Address("10.83.0.12"))),
    domains=(MailDomain("lens.test", (ONE, TWO)), MailDomain("peer.test", ("mx.peer.test",))),
    certificates=tuple(
        CertificateRequest(host, "CH DE LENS", "Pas-de-Calais (62)", "1620100685") for host in (ONE, TWO)
    ),
    listed=(Listed("Casse.TEST", "CN=mx.peer.test, O=PEER , C=FR"), Listed("peer.test", "CN=mx.peer.test,C=FR")),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab's home after its first `up`: keys take their time."""
    home = tmp_path_factory.mktemp("home")
    Nation(PLAN, ensure_authority(home / "authority"), home).files()
    return home


@pytest.fixture
def nation(tmp_path: Path, home: Path) -> Nation:
    copy = shutil.copytree(home, tmp_path / "home")
    return Nation(PLAN, ensure_authority(copy / "authority"), copy)


def published(nation: Nation, xml: bytes | None = None) -> WhiteList:
    """The list, as an operator reads it."""
    found = xml or next(file.content for file in nation.files() if file.path == LIST_FILE)
    anchors = x509.load_pem_x509_certificates(nation.authority.anchors_pem())
    later = datetime.now(UTC) + timedelta(minutes=1)  # lists made within one second are dated ahead
    return read(found, anchors=anchors, signer=SIGNER, at=None, now=later, max_bytes=1 << 20)


def test_the_list_names_each_domain_with_the_certificates_of_its_hosts_and_what_is_listed_besides(
    nation: Nation,
) -> None:
    named = [(entry.domain, entry.dn) for entry in published(nation).entries]
    assert named == [
        ("lens.test", f"CN={ONE},OU=1620100685,O=CH DE LENS,ST=Pas-de-Calais (62),C=FR"),
        ("lens.test", f"CN={TWO},OU=1620100685,O=CH DE LENS,ST=Pas-de-Calais (62),C=FR"),
        ("casse.test", "CN=mx.peer.test, O=PEER , C=FR"),
        ("peer.test", "CN=mx.peer.test,C=FR"),
    ]


def test_each_list_is_dated_later_than_the_one_before(nation: Nation) -> None:
    dates = [published(nation, nation.listing(nation.lines())).generated for _ in range(3)]
    assert dates == sorted(set(dates))


def test_there_is_something_to_publish_when_anything_has_changed_and_not_otherwise(nation: Nation) -> None:
    mark = nation.mark()
    assert nation.mark() == mark
    assert replace(nation, plan=replace(PLAN, listed=PLAN.listed[:1])).mark() != mark
    assert replace(nation, plan=replace(PLAN, domains=PLAN.domains[:1])).mark() != mark
    nation.authority.revoke(17)
    assert nation.mark() != mark


def test_who_is_revoked_is_in_the_list_and_known_to_the_responder(nation: Nation) -> None:
    nation.authority.revoke(17)
    nation.authority.revoke(23, tier="root")
    files = {file.path: file.content for file in nation.lists()}
    for serial, tier, name in ((17, "issuing", "TEST-ACI-EL-ORG"), (23, "root", "TEST-ACR-EL")):
        crl = x509.load_der_x509_crl(files[f"/srv/nation/CRL/{name}.crl"])
        assert [entry.serial_number for entry in crl] == [serial]
        assert list(json.loads(files[f"/srv/ocsp/{tier}/revoked.json"])) == [f"{serial:x}"]


def test_keys_of_the_nation_are_for_their_owner_and_made_once(nation: Nation) -> None:
    first, again = ({file.path: file for file in nation.files()} for _ in range(2))
    keys = [path for path in first if path.endswith(".key")]
    assert len(keys) == 4
    for path in keys:
        assert first[path].mode == 0o600
        assert first[path].content == again[path].content
    assert {path.stat().st_mode & 0o777 for path in nation.folder.glob("*.key")} == {0o600}
