"""A site that runs on the last release's kit is brought to this one's, back and forth, with all that people have on it.

The tests are steps of one story on one host, in this order.
"""

from __future__ import annotations

import json
import smtplib
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from letters import Peer, edge_answer
from old_kit import OldKit, unpacked
from people import LENS, open_mailbox
from terminal import Typed

from vaguemestre import inventory
from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import Mailboxes, holders
from vaguemestre.verify.correspondent import Correspondent

HERE = Path(__file__).parent / "upgrade"
HOST = "a.scratch.test"
REMEMBERED = "'a@a.scratch.mssante.test', 'b@ailleurs.mssante.test'"
REMEMBER = f"""
import sys
sys.path.insert(0, "/usr/lib/vaguemestre/host.pyz")
from pathlib import Path
from vaguemestre.host.redlist.correspondents import Correspondents
memory = Correspondents(Path("/var/lib/vaguemestre-trust/redlist/correspondents.db"), print)
if "remember" in sys.argv:
    memory.remember({REMEMBERED})
    memory.write()
print(memory.wrote({REMEMBERED}, 30))
"""


@dataclass
class Site:
    """The host, two people with mailboxes on it, and every message that was accepted for the second."""

    lab: Lab
    boxes: Mailboxes
    writer: Correspondent
    reader: Correspondent
    hidden: str
    accepted: list[str] = field(default_factory=list)

    def write(self, subject: str) -> None:
        self.accepted.append(self.writer.send(self.reader.address, subject))

    def assert_whole(self) -> None:
        """Every message that was ever accepted is there once, and so is what was decided and remembered."""
        for message_id in self.accepted:
            self.reader.wait_for(message_id)
        with self.reader.imap() as session:
            for message_id in self.accepted:
                _, (found, *_) = session.search(None, "HEADER", "Message-ID", f'"{message_id}"')
                assert len(found.split()) == 1, message_id
        assert self.boxes.show(self.hidden).mailbox.redlist == "unlisted"
        assert self.remembers()

    def remembers(self, *words: str) -> bool:
        """Whom people wrote to, as the daemon's own account finds it in its database."""
        command = ["runuser", "-u", "vgm-trust", "--", "python3", "-c", REMEMBER, *words]
        said = self.lab.exec(HOST, command)
        assert said.returncode == 0, said.stderr.decode()
        return said.stdout.decode().strip() == "True"

    def live(self) -> str:
        """The id of the live release, as the host itself has noted it."""
        noted = self.lab.exec(HOST, ["cat", "/var/lib/vaguemestre/current.json"]).stdout
        return str(json.loads(noted)["id"])


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> OldKit:
    return unpacked(tmp_path_factory.mktemp("kit"), HERE)


@pytest.fixture(scope="module")
def newer(vaguemestre: Callable[..., Typed]) -> Callable[..., Typed]:
    return lambda *words: vaguemestre(*words, inventory=HERE)


@pytest.fixture(scope="module")
def site(lab: Lab, scratch: tuple[str, ...], older: OldKit) -> Site:
    """Made by the older kit; the mailboxes are opened by this one's controller, which the older host answers."""
    assert HOST in scratch
    older("apply").succeeded()
    (boxes,) = holders(inventory.load(HERE))
    writer, reader = open_mailbox(boxes, "ecrit"), open_mailbox(boxes, "lit")
    hidden = open_mailbox(boxes, "cache", "--redlist=unlisted").address
    made = Site(lab, boxes, writer, reader, hidden)
    assert made.remembers("remember")
    made.write("Avant")
    return made


def test_what_was_written_before_is_there_after(site: Site, newer: Callable[..., Typed]) -> None:
    before = site.live()
    planned = newer("plan")
    assert planned.code == 3, planned.screen
    assert site.live() == before
    newer("apply").succeeded()
    assert site.live() != before
    site.assert_whole()
    site.write("Après")
    site.assert_whole()


def test_nothing_is_left_to_bring_up_to_date(site: Site, newer: Callable[..., Typed]) -> None:
    """What an older release wrote was brought to this one's form once, by the apply itself."""
    assert newer("status").succeeded()
    for _ in range(2):
        again = site.lab.exec(HOST, ["python3", "/usr/lib/vaguemestre/host.pyz", "directory", "seed"])
        assert (again.returncode, again.stderr) == (0, b"")
    site.assert_whole()


def test_an_operator_of_the_space_still_reaches_the_new_host(site: Site, national: Peer) -> None:
    answered = edge_answer(national, site.reader.ip, HOST, f"a@{LENS}", site.reader.address)
    assert answered[0] == 250, answered


def test_the_older_controller_still_reads_the_newer_host(site: Site, older: OldKit) -> None:
    """It sees that the host is not what it would make; it does not misread it."""
    seen = older("status", "--json")
    assert seen.code == 3, seen.screen
    assert seen.json[HOST]["live"] == site.live()


def test_the_older_release_comes_back_with_all_of_it(site: Site, older: OldKit, newer: Callable[..., Typed]) -> None:
    newer("rollback", HOST).succeeded()
    older("status").succeeded()
    site.assert_whole()
    site.write("De retour")
    site.assert_whole()


def test_cut_off_on_the_way_forward_again_it_is_one_release_or_the_other(
    site: Site, newer: Callable[..., Typed]
) -> None:
    before = site.live()
    site.write("Juste avant la coupure")
    applying = threading.Thread(target=newer, args=("apply",))
    applying.start()
    _until(lambda: site.lab.exec(HOST, ["test", "-e", "/var/lib/vaguemestre/journal.json"]).returncode == 0)
    site.lab.kill(HOST)
    site.lab.start(HOST)
    applying.join()
    newer("apply").succeeded()
    newer("status").succeeded()
    assert site.live() != before
    _until(lambda: _serves(site.reader))
    site.write("Après la coupure")
    site.assert_whole()


def _until(ready: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.1)


def _serves(person: Correspondent) -> bool:
    try:
        person.submission().close()
        person.imap().shutdown()
    except (OSError, smtplib.SMTPException, subprocess.SubprocessError):
        return False
    return True
