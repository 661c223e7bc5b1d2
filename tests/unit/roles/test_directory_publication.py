"""Role directory, publication: the job reads what is rendered; a change starts it; only it sees the key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest
from golden.hosts import context

from roles import directory
from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.host.annuaire.publication import layout
from vaguemestre.host.annuaire.publication.entries import PUBLISHED
from vaguemestre.host.annuaire.publication.layout import FIELDS, KEY, SETTINGS, STATE
from vaguemestre.host.book import shown
from vaguemestre.host.mailboxes.store import ATTRIBUTES
from vaguemestre.publishing import Column
from vaguemestre.release import Credential, Directory, File, Unit

OFF = context("smallest", "mail")
BY_FILES = context("fullest", "mail.ch-lens")
BY_FHIR = context("fullest", "mail.clinique-iles")
UNITS = "/etc/systemd/system/vaguemestre-publication"


def files(known: Context) -> dict[str, str]:
    return {item.path: item.content.decode() for item in directory.items(known) if isinstance(item, File)}


def settings(known: Context) -> layout.Settings:
    return layout.parse(json.loads(files(known)[str(SETTINGS)]))


def units(known: Context) -> set[str]:
    names = {item.name for item in directory.items(known) if isinstance(item, Unit)}
    return {name for name in names if "publication" in name}


def test_the_host_reads_what_the_inventory_declares() -> None:
    read = settings(BY_FILES)
    assert (read.writer, read.max_removed_percent) == ("csv", 2.5)
    assert read.table.columns[:2] == (("Code", "operation"), ("Adresse", "address"))
    assert (read.table.separator, read.table.encoding, read.table.yes) == (",", "iso8859-15", "oui")
    assert read.table.codes == {"insert": "AJOUT", "replace": "MODIF", "delete": "RETRAIT"}
    assert (read.answers.result, read.answers.batch, read.answers.accepted) == ("Retour", "Fichier", ("000", "ok"))
    by_fhir = settings(BY_FHIR).fhir
    assert (by_fhir.url, by_fhir.identifiers) == ("https://gateway.ch-lens.test/fhir/ecriture", "url")
    assert (by_fhir.calls_per_second, by_fhir.paperless) == (4, False)
    assert by_fhir.proxy == "http://proxy.ch-lens.test:3128"


def test_without_a_word_in_the_inventory_nothing_is_published_and_nothing_runs() -> None:
    assert settings(OFF).writer == "none"
    assert units(OFF) == set()
    assert not [item for item in directory.items(OFF) if isinstance(item, Credential)]


def test_mailboxes_that_are_nobodys_to_write_to_are_not_published() -> None:
    assert {"postmaster", "abuse", "verification"} <= settings(BY_FHIR).kept_back


def test_a_change_or_the_timer_starts_it() -> None:
    assert units(BY_FHIR) == {"vaguemestre-publication.timer", "vaguemestre-publication.path"}
    written = files(BY_FILES)
    assert "OnUnitActiveSec=5min\n" in written[f"{UNITS}.timer"]
    assert "PathModified=/var/lib/ldap/vaguemestre/data.mdb\n" in written[f"{UNITS}.path"]
    assert "Unit=vaguemestre-publication-soon.timer\n" in written[f"{UNITS}.path"]
    assert "Unit=vaguemestre-publication.service\n" in written[f"{UNITS}-soon.timer"]


def test_only_the_job_sees_the_key_and_only_where_there_is_an_interface() -> None:
    assert f"LoadCredential={layout.CREDENTIAL}:{KEY}\n" in files(BY_FHIR)[f"{UNITS}.service"]
    assert "LoadCredential" not in files(BY_FILES)[f"{UNITS}.service"]
    assert {
        (item.path, item.owner, item.mode) for item in directory.items(BY_FHIR) if isinstance(item, Credential)
    } == {(str(KEY), "root", 0o600)}


def test_without_its_key_the_interface_cannot_be_published_by() -> None:
    with pytest.raises(ReleaseError, match=r"annuaire\.key is missing"):
        list(directory.items(replace(BY_FHIR, secrets={})))


def test_its_folders_are_its_own() -> None:
    folders = {item.path: item for item in directory.items(BY_FILES) if isinstance(item, Directory)}
    for path in (str(STATE), str(STATE / "spool")):
        assert (folders[path].owner, folders[path].mode) == ("vgm-annuaire", 0o750)


def test_slapd_shows_it_all_that_it_publishes() -> None:
    needed = {ATTRIBUTES[name] for name in PUBLISHED}
    assert needed - {*shown.PUBLISHED, "mail", "vgmState"} == set()


def test_a_column_may_hold_what_the_writer_knows() -> None:
    (choices,) = (get_args(Column.model_fields["value"].annotation),)
    assert choices == FIELDS
