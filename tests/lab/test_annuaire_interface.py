"""A real host reads the national directory by the FHIR interface too, and finds nothing else than the extraction says.

The host's own source is the extraction. Here it is asked once by other settings, with a state of its own: the
directory that both lead to is the same, so a reading that differed would change it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from vaguemestre.lab import Lab
from vaguemestre.lab.desk import Desk
from vaguemestre.verbs.mailbox import Mailboxes

FOLDER, SETTINGS = "/var/lib/vaguemestre-annuaire/by-interface", "/run/vgm-by-interface.json"
HOST = "python3 -I /usr/lib/vaguemestre/host.pyz annuaire"


@pytest.fixture
def nation(lab: Lab) -> Iterator[Desk]:
    yield lab.nation
    lab.nation.mend()


@pytest.fixture
def host(lab: Lab, pasteur: Mailboxes) -> Iterator[str]:
    """The Clinique Pasteur's, with a second set of settings; its timer sleeps."""
    name = pasteur.host.name
    ask(lab, name, "systemctl stop vaguemestre-annuaire.timer vaguemestre-annuaire.service")
    settings = json.loads(ask(lab, name, "cat /etc/vaguemestre/directory.json"))
    lab.exec(name, ["sh", "-c", f"cat > {SETTINGS}"], stdin=json.dumps({**settings, "source": "fhir"}).encode())
    ask(lab, name, f"install -d -o vgm-annuaire -g vgm-annuaire -m 0750 {FOLDER}")
    yield name
    ask(lab, name, f"rm -rf {FOLDER} {SETTINGS}; systemctl start vaguemestre-annuaire.timer")


def ask(lab: Lab, host: str, command: str) -> str:
    done = lab.exec(host, ["sh", "-c", command])
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.stdout.decode()


def refreshed(lab: Lab, host: str, *by_interface: str) -> dict[str, Any]:
    """What a host answers that is told to ask the nation now."""
    told: dict[str, Any] = json.loads(ask(lab, host, f"{HOST} {' '.join(by_interface)} refresh --now --json"))
    return told


def entries(lab: Lab, host: str) -> set[str]:
    """The directory's entries of the nation, with what they say."""
    search = "ldapsearch -LLL -Q -o ldif-wrap=no -Y EXTERNAL -H ldapi:/// -z none -b ou=national,o=vaguemestre"
    return set(ask(lab, host, f"{search} '(mail=*)' vgmFingerprint").split("\n\n"))


def test_the_interface_says_what_the_extraction_says(lab: Lab, nation: Desk, host: str) -> None:
    refreshed(lab, host)
    before = entries(lab, host)
    assert len(before) > 300
    told = refreshed(lab, host, f"--settings={SETTINGS}", f"--state={FOLDER}")
    assert (told["failing"], told["trouble"], told["waiting"]) == ({}, "", None)
    assert entries(lab, host) == before
    paths = [str(one["path"]) for one in nation.directory.record()]
    assert [path for path in paths if path.startswith("/fhir/v2/Practitioner?")]


def test_an_interface_that_fails_or_lies_takes_nobody_away(lab: Lab, nation: Desk, host: str) -> None:
    before = entries(lab, host)
    for faults in ({"html": True}, {"lost": 5}, {"next": "https://elsewhere.world.test/fhir/v2/_page"}):
        nation.directory.fail(fhir=faults)
        told = refreshed(lab, host, f"--settings={SETTINGS}", f"--state={FOLDER}")
        assert told["failing"]
    nation.directory.fail()
    assert entries(lab, host) == before


def test_the_key_is_nowhere_but_where_root_keeps_it(lab: Lab, host: str) -> None:
    refreshed(lab, host, f"--settings={SETTINGS}", f"--state={FOLDER}")
    assert ask(lab, host, "stat -c '%a %U' /etc/vaguemestre/annuaire-api.key").strip() == "600 root"
    found = (
        'K=$(cat /etc/vaguemestre/annuaire-api.key); grep -rlF "$K" /var/lib/vaguemestre-annuaire /run/vgm-by*; true'
    )
    assert ask(lab, host, found) == ""
    assert (
        ask(lab, host, 'K=$(cat /etc/vaguemestre/annuaire-api.key); journalctl -o cat | grep -cF "$K"').strip() == "0"
    )
