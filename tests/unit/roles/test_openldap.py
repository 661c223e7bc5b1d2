"""Role openldap: what the host's mailbox commands are told, and what the schema and its guard know of mailboxes."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from golden.hosts import context

from roles import base, openldap
from vaguemestre.errors import ReleaseError
from vaguemestre.host.mailboxes.bal import KINDS, STATES, Site
from vaguemestre.host.mailboxes.store import ATTRIBUTES, SETTINGS
from vaguemestre.release import File, Package, Unit

CONTEXT = context("fullest", "mail.ch-lens")
ALONE = context("fullest", "mail.clinique-iles")  # without a replica
FILES = {item.path: item.content.decode() for item in openldap.items(CONTEXT) if isinstance(item, File)}


def test_the_host_knows_each_domain_with_its_own_establishment_hosted_ones_too() -> None:
    domains = Site.of(json.loads(FILES[SETTINGS])).domains
    assert {name: one.structure for name, one in domains.items()} == {
        "ch-lens.mssante.test": "1620000999",
        "samu-62.mssante.test": "1620000999",
        "infirmiers-62.mssante.test": "1620000999",
        "les-tilleuls.mssante.test": "1620000998",
    }


def test_the_postmaster_is_in_the_operators_first_domain() -> None:
    assert openldap.postmaster(CONTEXT) == "postmaster@ch-lens.mssante.test"


def test_an_operator_that_only_hosts_has_its_postmaster_in_a_domain_it_serves() -> None:
    own = CONTEXT.establishment.model_copy(update={"domains": ()})
    hosted = next(one for one in CONTEXT.served if one.slug != own.slug)
    only_hosting = replace(CONTEXT, establishment=own, served=(own, hosted))
    assert openldap.postmaster(only_hosting) == "postmaster@les-tilleuls.mssante.test"


def test_a_mail_host_without_any_domain_is_refused() -> None:
    own = CONTEXT.establishment.model_copy(update={"domains": ()})
    with pytest.raises(ReleaseError, match="at least one domain"):
        openldap.postmaster(replace(CONTEXT, establishment=own, served=(own,)))


def test_the_schema_defines_every_attribute_of_ours_that_a_mailbox_has() -> None:
    defined = set(re.findall(r"attributetype \( \S+ NAME '(\w+)'", FILES[openldap.SCHEMA]))
    assert {name for name in ATTRIBUTES.values() if name.startswith("vgm")} <= defined


def test_no_object_identifier_is_used_twice() -> None:
    used = re.findall(r"\( (vgm\w+:\d+) ", FILES[openldap.SCHEMA])
    assert len(used) == len(set(used)) > 10


def test_the_directory_itself_knows_the_kinds_and_states() -> None:
    assert f"^({'|'.join(KINDS)})$" in FILES[openldap.CONFIGURATION]
    assert f"^({'|'.join(STATES)})$" in FILES[openldap.CONFIGURATION]


def test_no_password_opens_the_directory_and_networks_reach_it_by_tls_only() -> None:
    everything = "\n".join(FILES.values())
    assert not re.search(r"^\s*(rootpw|bindpw|olcRootPW)\b", everything, re.MULTILINE)
    assert 'SLAPD_SERVICES="ldapi:/// ldaps:///"' in FILES["/etc/default/slapd"].splitlines()


def test_without_networks_of_clients_no_network_reaches_the_directory() -> None:
    directory = ALONE.settings.directory.model_copy(update={"client_networks": ()})
    alone = replace(ALONE, settings=ALONE.settings.model_copy(update={"directory": directory}))
    files = {item.path: item.content.decode() for item in openldap.items(alone) if isinstance(item, File)}
    assert 'SLAPD_SERVICES="ldapi:///"' in files["/etc/default/slapd"].splitlines()
    assert "\nTLS" not in files[openldap.CONFIGURATION]
    assert 636 not in {one.port for one in base.services(alone)}


def test_the_address_book_is_open_to_networks_of_clients_alone() -> None:
    (book,) = (one for one in base.services(ALONE) if one.port == 636)
    assert book.networks
    assert set(book.networks) == set(map(str, ALONE.settings.directory.client_networks))


def test_every_account_that_asks_gets_its_identity() -> None:
    assert json.loads(FILES[SETTINGS])["daemons"] == ["vgm-annuaire", "dovecot", "vgm-trust", "postfix"]


def test_the_package_makes_no_tree_of_its_own() -> None:
    slapd = next(item for item in openldap.items(CONTEXT) if isinstance(item, Package) and item.name == "slapd")
    assert slapd.debconf == (("slapd/no_configuration", "boolean", "true"),)


def test_the_tree_is_made_after_slapd_has_settled() -> None:
    names = [item.name for item in openldap.items(CONTEXT) if isinstance(item, Unit)]
    assert names[:2] == ["slapd.service", "vaguemestre-directory.service"]
