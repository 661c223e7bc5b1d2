"""An operator on Debian 12 serves like any other, and becomes Debian 13 in place while mail flows. Its own lab.

The tests are steps of one story, in this order: two hosts, the Clinique Pasteur's on Debian 12, the CH de Lens's on 13.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from people import LENS, PASTEUR, empty_queues, open_mailbox
from terminal import Terminal, Typed

from vaguemestre import inventory
from vaguemestre.lab import Lab
from vaguemestre.overlay import VARIABLE
from vaguemestre.rehearsal import lab_plan
from vaguemestre.verbs.mailbox import Mailboxes, holders
from vaguemestre.verify.correspondent import Correspondent

pytestmark = pytest.mark.full

OPERATORS = Path(__file__).resolve().parents[2] / "inventories" / "lab"
FILE, OTHER = "clinique-pasteur-evreux.yml", "ch-lens.yml"
HOST = f"mail.{PASTEUR}"


@dataclass
class Pair:
    """The lab of this story, its inventory, and the mailboxes of both operators."""

    lab: Lab
    folder: Path
    vaguemestre: Callable[..., Typed]

    def boxes(self, operator: str) -> Mailboxes:
        return next(one for one in holders(inventory.load(self.folder)) if one.host.name.endswith(operator))

    def declare(self, debian: str) -> None:
        """Write which Debian the Clinique Pasteur's host has."""
        text = (OPERATORS / FILE).read_text()
        (self.folder / FILE).write_text(text.replace("    roles: [base", f"    debian: {debian}\n    roles: [base"))

    def debian(self) -> str:
        return self.lab.exec(HOST, ["cat", "/etc/debian_version"]).stdout.decode().partition(".")[0]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Pair]:
    """Both hosts, made operators by the command line."""
    name = f"{os.environ.get(VARIABLE, 'test')}-debian"
    folder = tmp_path_factory.mktemp("inventories") / "lab"
    shutil.copytree(OPERATORS, folder)
    lab = Lab.open(name)
    made = Pair(lab, folder, Terminal(folder))
    made.declare("bookworm")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(VARIABLE, name)
        lab.up(lab_plan(inventory.read(folder), name), lambda text: print(text, file=sys.stderr, flush=True))
        made.vaguemestre("apply").succeeded()
        yield made
        if not pytestconfig.getoption("--keep-lab"):
            lab.down()


@pytest.fixture(scope="module")
def anne(pair: Pair) -> Correspondent:
    return open_mailbox(pair.boxes(PASTEUR), "anne")


@pytest.fixture(scope="module")
def paul(pair: Pair) -> Correspondent:
    return open_mailbox(pair.boxes(LENS), "paul")


def test_a_host_of_debian_12_behaves_as_an_operator_must(pair: Pair) -> None:
    assert pair.debian() == "12"
    pair.vaguemestre("verify", HOST).succeeded()


def test_both_write_to_each_other(anne: Correspondent, paul: Correspondent) -> None:
    paul.wait_for(anne.send(paul.address, "De Debian 12 à 13"))
    anne.wait_for(paul.send(anne.address, "De Debian 13 à 12"))


def test_an_apt_without_the_new_debian_is_told_before_anything_changes(pair: Pair, anne: Correspondent) -> None:
    """The lab's hosts keep their own sources, and those still say bookworm."""
    pair.declare("trixie")
    refused = pair.vaguemestre("upgrade", HOST, "--yes")
    assert refused.code == 1, refused.screen
    assert "apt finds no Debian trixie on this host; nothing was changed" in refused.screen
    assert pair.vaguemestre("apply", HOST).code != 0
    anne.wait_for(anne.send(anne.address, "Rien n'a changé"))
    pair.declare("bookworm")
    pair.vaguemestre("status").succeeded()


@dataclass
class Traffic:
    """Both people write to the first, once a second, and keep what was accepted."""

    writers: tuple[Correspondent, ...]
    reader: Correspondent
    accepted: list[str] = field(default_factory=list)
    refused: list[tuple[int, bytes]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def flow(self) -> None:
        number = 0
        while not self._ended.wait(1):
            number += 1
            try:
                writer = self.writers[number % len(self.writers)]
                self.accepted.append(writer.send(self.reader.address, f"Pendant la mise à niveau {number}"))
            except smtplib.SMTPResponseException as error:
                self.refused.append((error.smtp_code, bytes(error.smtp_error)))
            except (smtplib.SMTPException, OSError):
                pass  # nobody there for a moment: the mail program keeps it

    def end(self) -> None:
        self._ended.set()


def test_debian_12_becomes_13_under_mail_and_a_power_cut_and_each_message_is_there_once(
    pair: Pair, anne: Correspondent, paul: Correspondent
) -> None:
    for file in ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"):
        pair.lab.exec(HOST, ["sh", "-c", f"test ! -e {file} || sed -i s/bookworm/trixie/g {file}"])
    pair.declare("trixie")
    traffic = Traffic((paul, anne), anne)
    flowing, upgrading = threading.Thread(target=traffic.flow), threading.Thread(target=_upgrade, args=(pair,))
    flowing.start()
    upgrading.start()
    _until(lambda: _unpacked(pair.lab), seconds=900)
    pair.lab.kill(HOST)
    time.sleep(2)
    pair.lab.start(HOST)
    _until(lambda: pair.lab.exec(HOST, ["test", "-e", "/var/lib/vaguemestre/upgrade.json"]).returncode == 1, 1200)
    upgrading.join()
    time.sleep(5)
    traffic.end()
    flowing.join()
    assert pair.debian() == "13"
    pair.vaguemestre("status").succeeded()
    empty_queues(pair.lab, HOST, f"mail.{LENS}", seconds=300)
    assert len(traffic.accepted) > 20
    assert not [one for one in traffic.refused if one[0] >= 500], traffic.refused
    _assert_once(anne, traffic.accepted)


def test_the_upgraded_host_behaves_and_keeps_no_trace_of_the_upgrade(pair: Pair) -> None:
    pair.vaguemestre("verify", HOST).succeeded()
    left = "ls /var/lib/vaguemestre/held /etc/systemd/system/*.d/zz-vaguemestre-held.conf 2>/dev/null | wc -l"
    assert pair.lab.exec(HOST, ["sh", "-c", left]).stdout.strip() == b"0"
    pair.lab.kill(HOST)
    pair.lab.start(HOST)
    _until(lambda: pair.vaguemestre("status").code == 0, 120)


def test_there_is_no_way_back_to_the_release_for_debian_12(pair: Pair) -> None:
    refused = pair.vaguemestre("rollback", HOST)
    assert refused.code == 1
    assert "the release is for Debian bookworm" in refused.screen
    pair.vaguemestre("status").succeeded()


def _upgrade(pair: Pair) -> None:
    pair.vaguemestre("upgrade", HOST, "--yes")


def _unpacked(lab: Lab) -> bool:
    """The new Debian's libc is there, and much else is not."""
    return b"2.41" in lab.exec(HOST, ["dpkg-query", "-W", "libc6"]).stdout


def _assert_once(reader: Correspondent, message_ids: list[str]) -> None:
    for message_id in message_ids:
        reader.wait_for(message_id)
    with reader.imap() as session:
        for message_id in message_ids:
            _, (found, *_) = session.search(None, "HEADER", "Message-ID", f'"{message_id}"')
            assert len(found.split()) == 1, message_id


def _until(ready: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.5)
