"""Our mailboxes at the nation's: declared seconds after they open, hidden, withdrawn; nothing lost when it is away."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from holders import rpps

from vaguemestre import runtime
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab, State
from vaguemestre.lab.plan import FHIR_HOST, OPERATOR_KEY
from vaguemestre.verbs import publication, redlist
from vaguemestre.verbs.mailbox import Mailboxes

pytestmark = pytest.mark.lab

READER = "lab-lecture"
SOON = 60.0  # seconds for a change to be at the nation's without a word


@pytest.fixture
def nation(lab: Lab) -> Iterator[Any]:
    """The nation's directory, mended afterwards."""
    yield lab.nation.directory
    lab.nation.directory.mend()


@pytest.fixture
def doctor(pasteur: Mailboxes) -> Iterator[str]:
    """A new mailbox of somebody whom the nation knows."""
    number = rpps(999_000 + secrets.randbelow(1000))
    address = f"publiee-{secrets.token_hex(3)}@{pasteur.operator.domains[0].name}"
    pasteur.add(address, "--type=PER", f"--rpps={number}", "--surname=Publiee", "--given=Camille")
    HOLDERS[address] = number
    yield address
    pasteur.move("close", address)


HOLDERS: dict[str, str] = {}


def test_a_mailbox_is_declared_hidden_and_withdrawn_by_itself(fleet: Fleet, state: State, doctor: str) -> None:
    soon(lambda: told(state, doctor) == {"type": "PER", "listeRouge": False})
    assert shown(state, doctor)
    redlist.change(fleet, doctor, ["unlisted"])
    soon(lambda: told(state, doctor) == {"type": "PER", "listeRouge": True})
    assert not shown(state, doctor)
    redlist.change(fleet, doctor, ["none"])
    soon(lambda: shown(state, doctor))


def test_a_closed_mailbox_leaves_the_nation(pasteur: Mailboxes, state: State, doctor: str) -> None:
    soon(lambda: shown(state, doctor))
    pasteur.move("close", doctor)
    soon(lambda: told(state, doctor) is None)


@pytest.mark.parametrize("work", ["systemctl start vaguemestre-publication", f"python3 -I {runtime.PATH} mailbox list"])
def test_a_slapd_that_is_being_restarted_is_waited_for(lab: Lab, pasteur: Mailboxes, work: str) -> None:
    script = f"systemctl stop slapd; (sleep 1.5; systemctl start slapd) & {work}; code=$?; wait; exit $code"
    done = lab.exec(pasteur.host.name, ["sh", "-c", script])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_nation_that_is_away_learns_it_when_it_is_back(
    pasteur: Mailboxes, fleet: Fleet, state: State, nation: Any, doctor: str
) -> None:
    soon(lambda: shown(state, doctor))
    nation.fail(fhir={"status": 503})
    redlist.change(fleet, doctor, ["unlisted"])
    soon(lambda: "503" in said(fleet, pasteur, "show")["run"]["halted"])
    assert said(fleet, pasteur, "show")["urgent"] > 0
    nation.mend()
    said(fleet, pasteur, "retry")
    said(fleet, pasteur, "run")
    assert told(state, doctor) == {"type": "PER", "listeRouge": True}
    assert not shown(state, doctor)


def test_a_mailbox_that_our_directory_lost_is_withdrawn_by_a_persons_word_only(
    lab: Lab, pasteur: Mailboxes, fleet: Fleet, state: State
) -> None:
    number, address = rpps(999_000 + secrets.randbelow(1000)), f"perdue-{secrets.token_hex(3)}"
    address = f"{address}@{pasteur.operator.domains[0].name}"
    HOLDERS[address] = number
    pasteur.add(address, "--type=PER", f"--rpps={number}", "--surname=Perdue", "--given=Camille")
    soon(lambda: shown(state, address))
    entry = f"mail={address},ou=mailboxes,o=vaguemestre"
    lab.exec(pasteur.host.name, ["ldapdelete", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///", entry])
    waiting = said(fleet, pasteur, "plan")["withheld"]
    assert address in waiting["addresses"]
    assert said(fleet, pasteur, "run")["withheld"]
    assert shown(state, address)
    publication.approve(fleet, (pasteur.host.name,), waiting["digest"])
    said(fleet, pasteur, "run")
    assert told(state, address) is None


def test_the_key_is_roots_and_the_account_gets_it_from_systemd_only(lab: Lab, pasteur: Mailboxes) -> None:
    look = "stat -c '%U %a' /etc/vaguemestre/annuaire-api.key; runuser -u vgm-annuaire -- cat /etc/vaguemestre/*.key"
    seen = lab.exec(pasteur.host.name, ["sh", "-c", look])
    assert seen.stdout == b"root 600\n"


def test_the_journal_names_nobody_and_holds_no_key(lab: Lab, pasteur: Mailboxes) -> None:
    argv = ["journalctl", "-u", "vaguemestre-publication", "--no-pager", "-o", "cat"]
    journal = lab.exec(pasteur.host.name, argv).stdout.decode()
    assert "confirmed" in journal
    assert OPERATOR_KEY not in journal
    assert "@" not in journal
    assert not [number for number in HOLDERS.values() if number in journal]


def said(fleet: Fleet, boxes: Mailboxes, *words: str) -> dict[str, Any]:
    """What the host's verb answers; a run under way is waited for."""
    for _ in range(30):
        (found,) = publication.ask(fleet, (boxes.host.name,), words).said.values()
        if "under way" not in found.get("message", ""):
            return found
        time.sleep(1)
    raise AssertionError(found)


def soon(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end, "the nation was not told"
        time.sleep(1)


def shown(state: State, address: str) -> bool:
    """Whether anybody who looks for it finds it."""
    return told(state, address, READER) is not None


def told(state: State, address: str, key: str = OPERATOR_KEY) -> dict[str, Any] | None:
    """What the nation knows of a mailbox, as far as this key shows; None when there is none."""
    holder = quote(f"urn:oid:1.2.250.1.71.4.2.1|8{HOLDERS[address]}", safe="")
    found = asked(state, f"/fhir/v2/Practitioner?identifier={holder}", key)
    points = [point for one in found.get("entry", []) for point in one["resource"].get("telecom", [])]
    mine = [one for one in points if one["value"] == address]
    assert len(mine) < 2
    if not mine:
        return None
    extensions = [one["extension"] for one in mine[0]["extension"] if "extension" in one]
    values = {one["url"]: next(v for name, v in one.items() if name.startswith("value")) for one in extensions[0]}
    values["type"] = values["type"]["coding"][0]["code"]
    return values


def asked(state: State, path: str, key: str) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=state.anchors)
    connection = http.client.HTTPSConnection(FHIR_HOST, context=context, timeout=20)
    way = socket.create_connection((str(state.world), 443), 20)
    connection.sock = context.wrap_socket(way, server_hostname=FHIR_HOST)
    connection.request("GET", path, headers={"ESANTE-API-KEY": key})
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return found
