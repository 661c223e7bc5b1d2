"""The lab laid over its inventory, and the lab an inventory asks for."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from declared import HOSTED, LAB, OPERATOR, SECOND, STATE, fleet

from vaguemestre import inventory
from vaguemestre.establishment import Fleet
from vaguemestre.lab import CertificateRequest, Guest, MailDomain
from vaguemestre.lab.plan import EXTRACTION_URL, FHIR_URL, LIST_URL, SIGNER
from vaguemestre.overlay import over
from vaguemestre.rehearsal import NoLabError, lab_plan


@pytest.fixture
def written(tmp_path: Path) -> Fleet:
    own = OPERATOR + "settings: {ssh: {user: keeper}, apt: {proxy: 'http://192.0.2.1:3142'}}\n"
    return fleet(tmp_path, inventory=LAB, pasteur=own, lens=SECOND)


def test_a_host_keeps_its_place_in_the_network_the_lab_really_has(written: Fleet) -> None:
    addresses = {host.name: str(host.address) for _, host in over(written, STATE).hosts()}
    assert addresses == {"mail.ch-lens.mssante.test": "10.83.99.21", "mail.pasteur.mssante.test": "10.83.99.11"}


def test_every_establishment_gets_the_labs_keys_trust_and_ways(written: Fleet) -> None:
    real = over(written, STATE)
    for settings in (real.settings, *(one.settings for one in real.establishments)):
        assert (settings.ssh.key, settings.ssh.known_hosts) == (STATE.ssh_key, STATE.known_hosts)
        assert (settings.secrets, settings.trust.anchors) == (STATE.secrets, STATE.anchors)
        assert (settings.resolvers, settings.apt.proxy) == ((STATE.resolver,), STATE.apt_proxy)


def test_the_lab_brings_its_own_nation_and_keeps_the_pace_that_is_written(tmp_path: Path) -> None:
    slow = "settings: {trust: {white_list: {every_minutes: 30}, revocation: {grace_hours: 2}, proxy: 'http://192.0.2.1'}}\n"
    (one,) = over(fleet(tmp_path, inventory=LAB, pasteur=OPERATOR + slow), STATE).establishments
    trust = one.settings.trust
    assert (trust.authority, trust.anchors, trust.proxy) == ("test", STATE.anchors, None)
    assert (trust.white_list.url, trust.white_list.signer) == (LIST_URL, SIGNER)
    assert trust.revocation.ocsp == "http://ocsp.world.test"
    assert [url.rsplit("/")[-1] for url in trust.revocation.crl] == ["TEST-ACI-EL-ORG.crl", "TEST-ACR-EL.crl"]
    assert (trust.white_list.every_minutes, trust.revocation.grace_hours) == (30, 2)


def test_the_lab_brings_its_own_national_directory_and_keeps_the_limits_that_are_written(tmp_path: Path) -> None:
    own = "settings: {directory: {guard: {at_least: 7}, mirror: 'https://miroir.example/x', source: fhir}}\n"
    (one,) = over(fleet(tmp_path, inventory=LAB, pasteur=OPERATOR + own), STATE).establishments
    directory = one.settings.directory
    assert (directory.url, directory.api.url, directory.mirror) == (EXTRACTION_URL, FHIR_URL, None)
    assert (directory.anchors, directory.source, directory.guard.at_least) == (None, "fhir", 7)


def test_what_the_lab_says_nothing_about_stays_as_it_was_written(written: Fleet) -> None:
    users = {one.slug: one.settings.ssh.user for one in over(written, STATE).establishments}
    assert users == {"pasteur": "keeper", "lens": "vaguemestre"}


def test_two_labs_over_one_inventory_end_at_the_same_addresses(written: Fleet) -> None:
    back = replace(STATE, network=IPv4Network("10.83.27.0/24"))
    there_and_back = over(over(written, STATE), back)
    assert [host for _, host in there_and_back.hosts()] == [host for _, host in written.hosts()]


def test_a_real_inventory_is_never_laid_over_a_lab(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only a lab's inventory"):
        over(fleet(tmp_path, pasteur=OPERATOR), STATE)


def test_the_lab_holds_every_host_and_knows_where_mail_for_each_domain_goes(tmp_path: Path) -> None:
    operator = OPERATOR.replace("[base, pki]", "[base, pki, openldap, dovecot, trust, postfix, edge]")
    plan = lab_plan(fleet(tmp_path, inventory=LAB, pasteur=operator, tilleuls=HOSTED), "mine")
    mail = ("mail.pasteur.mssante.test",)
    assert plan.guests == (Guest(*mail, IPv4Address("10.83.27.11")),)
    assert plan.domains[:2] == (
        MailDomain("pasteur.mssante.test", mx=mail, submission=mail, imap=mail, book=mail),
        MailDomain("tilleuls.mssante.test", mx=mail, submission=mail, imap=mail, book=mail),
    )
    assert plan.certificates == (CertificateRequest(*mail, "Clinique Pasteur", "Eure (27)", "1270000999"),)
    plan.check()


def test_the_packages_of_a_lab_are_those_its_roles_want() -> None:
    assert {"postfix", "dovecot-core", "slapd", "chrony", "nftables"} <= set(
        lab_plan(inventory.read(), "mine").packages
    )


def test_no_lab_is_made_of_a_real_inventory(tmp_path: Path) -> None:
    with pytest.raises(NoLabError, match="add `lab:`"):
        lab_plan(fleet(tmp_path, pasteur=OPERATOR), "mine")
