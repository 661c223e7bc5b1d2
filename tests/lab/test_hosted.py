"""A hosted establishment, and its move to a stack of its own and back, with mail flowing all the time.

In a lab of its own: the operator's host and the establishment's.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from images import shared_packages
from letters import Peer
from stream import MARK, Stream
from terminal import Terminal, Typed

from vaguemestre import inventory
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab, MailDomain
from vaguemestre.overlay import VARIABLE
from vaguemestre.rehearsal import lab_plan
from vaguemestre.verbs.mailbox import Mailboxes, holders
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.filters import keep

PILOTS = Path(__file__).resolve().parents[2] / "inventories" / "pilots"
NAME = "moving"
SLUG, DOMAIN, OPERATOR = "clinique-du-cedre", "clinique-du-cedre.mssante.test", "chu-rouen.mssante.test"
OLD, NEW = f"mail.{OPERATOR}", f"mail.{DOMAIN}"
AUDIT = "cert-valide-audit.espacedeconfiance.test"
HOSTS = f"""
hosts:
  - name: {NEW}
    address: 10.83.28.40
    roles: [base, pki, openldap, directory, dovecot, trust, postfix, edge]

contacts:"""
HOSTED = "mode: hosted\noperator: chu-rouen\n"
OWN, BACK = "mode: operator\nmoving_from: chu-rouen\n", f"{HOSTED}moving_from: {SLUG}\n"
RPPS = "10000000017"  # invented, with the right key
FILED = '"Rang&AOk-"'  # Rangé (RFC 3501 section 5.1.3)
FILTER = 'require ["fileinto", "mailbox"];\nif header :contains "Subject" "ranger" { fileinto :create "Rangé"; }\n'


@dataclass(frozen=True)
class Rehearsal:
    """The lab, its inventories on the way to an own stack and back, and the key of the clinic's administrator."""

    lab: Lab
    own: Path
    back: Path
    key: Path

    def typed(self, which: Path, *words: str) -> Typed:
        return Terminal(which)(*words, VAGUEMESTRE_LAB=NAME)

    def fleet(self, which: Path) -> Fleet:
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = NAME
        try:
            return inventory.load(which)
        finally:
            os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})

    def boxes(self, host: str) -> Mailboxes:
        return next(one for one in holders(self.fleet(self.own)) if one.host.name == host)

    def at(self, person: Correspondent, host: str) -> Correspondent:
        """The same person with the same password, at the host that has the mailbox now."""
        return replace(person, host=host, ip=str(self.boxes(host).host.address))

    def lead(self, *hosts: str) -> None:
        """DNS names these as the domain's servers, best first."""
        plan = lab_plan(inventory.read(self.own), NAME, [SLUG])
        domains = tuple(_led(one, hosts) if one.domain == DOMAIN else one for one in plan.domains)
        self.lab.up(replace(plan, domains=domains, packages=shared_packages()), _said)


def _led(domain: MailDomain, hosts: tuple[str, ...]) -> MailDomain:
    everybody = {*domain.mx, *domain.senders}
    return replace(domain, mx=hosts, senders=tuple(sorted(everybody - {*hosts})))


def _said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@pytest.fixture(scope="module")
def stage(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    root = tmp_path_factory.mktemp("moving")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", root / "key"], check=True)
    key = (root / "key.pub").read_text().strip()
    written = (PILOTS / f"{SLUG}.yml").read_text().replace("\ncontacts:", HOSTS, 1)
    for name, mode in (("own", OWN), ("back", f"{BACK}administrators: [{{name: Charlie, key: {key}}}]\n")):
        shutil.copytree(PILOTS, root / name)
        (root / name / f"{SLUG}.yml").write_text(written.replace(HOSTED, mode))
    rehearsal = Rehearsal(Lab.open(NAME), root / "own", root / "back", root / "key")
    rehearsal.lead(OLD, NEW)
    rehearsal.typed(rehearsal.own, "apply").succeeded()
    yield rehearsal
    if not pytestconfig.getoption("--keep-lab"):
        rehearsal.lab.down()


@pytest.fixture(scope="module")
def person(stage: Rehearsal) -> Callable[..., Correspondent]:
    """Opens a mailbox where its domain is now."""
    anchors = stage.lab.home / "anchors.pem"

    def opened(local: str, domain: str, *options: str) -> Correspondent:
        address = f"{local}-{secrets.token_hex(3)}@{domain}"
        typed = stage.typed(stage.own, "mailbox", "add", address, *(options or ("--type", "APP")), "--json")
        password = typed.succeeded().json["password"]
        return stage.at(Correspondent(address, password, anchors=anchors), OLD)

    return opened


@pytest.fixture(scope="module")
def anne(person: Callable[..., Correspondent]) -> Correspondent:
    """Somebody of the clinic: a filter, a folder, marks, a message that was read."""
    anne = person("anne", DOMAIN)
    keep(anne, FILTER)
    first = anne.send(anne.address, "à lire")
    anne.wait_for(first)
    anne.send(anne.address, "à ranger")
    filed_for(anne)
    with anne.imap() as session:
        session.store("1", "+FLAGS", "(\\Seen \\Flagged $Important)")
        session.create("Dossier")
        session.copy("1", "Dossier")
    return anne


@pytest.fixture(scope="module")
def gone(stage: Rehearsal, person: Callable[..., Correspondent], anne: Correspondent) -> Correspondent:
    """Somebody who has left, and whose mail is kept; beside them somebody who left without ever having had any."""
    read, unread = person("partie", DOMAIN), person("jamais", DOMAIN)
    read.wait_for(anne.send(read.address, "avant le départ"))
    for one in (read, unread):
        stage.typed(stage.own, "mailbox", "close", one.address).succeeded()
    return read


def filed_for(person: Correspondent) -> None:
    """Wait until the filter has made its folder."""
    end = time.monotonic() + 60
    with person.imap() as session:
        while session.select(FILED)[0] != "OK":
            assert time.monotonic() < end, "the filter filed nothing"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def colleague(person: Callable[..., Correspondent]) -> Correspondent:
    """Somebody of the operator's own people."""
    return person("jean", OPERATOR)


def state_of(person: Correspondent) -> dict[str, list[str]]:
    """Of every folder its UIDVALIDITY, and UID and flags of its first message."""
    found = {}
    with person.imap() as session:
        for folder in ("INBOX", "Dossier", FILED):
            code, (count, *_) = session.select(folder)
            assert code == "OK", f"{folder}: {count!r}"
            validity = session.response("UIDVALIDITY")[1][0] or b""
            first = session.uid("FETCH", "1", "(FLAGS)")[1][0].decode()
            words = sorted(first.replace("(", " ").replace(")", " ").split())
            found[folder] = [validity.decode(), *(word for word in words if word != "\\Recent")]
    return found


def test_each_establishment_of_an_operator_has_its_own_quota_and_number(stage: Rehearsal) -> None:
    boxes = stage.boxes(OLD)
    team = f"equipe-{secrets.token_hex(3)}"
    clinic = boxes.add(f"{team}@{DOMAIN}", "--type=ORG").mailbox
    hospital = boxes.add(f"{team}@{OPERATOR}", "--type=ORG").mailbox
    assert (clinic.quota_mib, clinic.structure) == (512, "1760000997")
    assert (hospital.quota_mib, hospital.structure) == (4096, "1760000999")


def test_people_of_the_operator_are_no_staff_of_the_hosted_house(
    person: Callable[..., Correspondent], colleague: Correspondent, anne: Correspondent
) -> None:
    desk = person("bureau", DOMAIN, "--type", "ORG")
    doctor = person("docteur", DOMAIN, "--type", "PER", "--rpps", RPPS, "--secretariat", desk.address)
    desk.wait_for(colleague.send(doctor.address, "du CHU"))
    doctor.wait_for(anne.send(doctor.address, "de la maison"))


def test_a_domain_moves_and_comes_back_while_another_operator_writes_all_the_time(
    stage: Rehearsal, anne: Correspondent, colleague: Correspondent, gone: Correspondent
) -> None:
    servers = [(str(stage.boxes(host).host.address), host) for host in (OLD, NEW)]
    peer = Peer(stage.lab.home / "peers" / f"mx.{AUDIT}.pem")
    stream = Stream(peer, f"pair@{AUDIT}", anne.address, servers)
    before = state_of(anne)
    stream.begin()
    try:
        killed_when_nobody_is_in_charge(stage)
        stage.typed(stage.own, "move", SLUG, "--back-out").succeeded()
        assert state_of(anne) == before, "given up: all is as it was"
        anne.wait_for(anne.send(anne.address, "on reste"))
        killed_when_nobody_is_in_charge(stage)
        stage.typed(stage.own, "move", SLUG).succeeded()
        moved = stage.at(anne, NEW)
        assert state_of(moved) == before
        moved.wait_for(moved.send(anne.address, "chez nous"))
        restored = stage.typed(stage.own, "mailbox", "restore", gone.address, "--json").succeeded().json
        with replace(stage.at(gone, NEW), password=restored["password"]).imap() as session:
            assert session.select("INBOX")[1] == [b"1"], "the mail of who has left moves too"
        with pytest.raises(Exception, match="AUTHENTICATIONFAILED"):
            anne.imap()
        waiting = colleague.send(anne.address, "attend le DNS")
        stage.lead(NEW)
        assert stage.typed(stage.own, "move", SLUG).succeeded()
        stage.lab.exec(OLD, ["postqueue", "-f"])
        moved.wait_for(waiting, seconds=90)
        colleague.wait_for(moved.send(colleague.address, "retour"))

        stage.lead(NEW, OLD)
        stage.typed(stage.back, "apply").succeeded()
        stage.typed(stage.back, "move", SLUG).succeeded()
        time.sleep(3)
    finally:
        stream.end()
    assert state_of(anne) == before
    assert not stream.refused
    assert_each_once(anne, stream)


def test_its_administrators_reach_their_own_mailboxes_and_nothing_else(
    stage: Rehearsal, anne: Correspondent, colleague: Correspondent
) -> None:
    known = f"UserKnownHostsFile={stage.lab.home / 'known_hosts'}"
    ssh = ["ssh", "-i", str(stage.key), "-o", "BatchMode=yes", "-o", known, f"vgm-760000997@{anne.ip}"]

    def asked(command: str) -> str:
        return subprocess.run([*ssh, command], capture_output=True, text=True, check=False).stdout

    program = "/usr/lib/vaguemestre/host.pyz"
    listed = json.loads(asked(f"{program} mailbox list"))["mailboxes"]
    assert {one["address"].rpartition("@")[2] for one in listed} == {DOMAIN}
    assert json.loads(asked(f"{program} mailbox suspend {anne.address}"))["result"] == "changed"
    theirs = f"{program} mailbox add neu@{DOMAIN} --type=ORG --struct=1760000999"
    behind = f"{program} redlist set {anne.address} --secretariat -- --allow {colleague.address}"
    for command in (f"{program} mailbox close {colleague.address}", theirs, behind, f"{program} trust show", "id", ""):
        assert json.loads(asked(command))["result"] == "refused", command


def killed_when_nobody_is_in_charge(stage: Rehearsal) -> None:
    """The controller, in the middle of a move."""
    argv = [sys.executable, "-m", "vaguemestre", "move", SLUG, "-i", str(stage.own)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=os.environ | {VARIABLE: NAME}) as running:
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            if "last copy" in line:
                running.send_signal(signal.SIGKILL)
                break
    assert "last copy" in said[-1], "".join(said)


def assert_each_once(person: Correspondent, stream: Stream) -> None:
    """Every number that a server has taken is there; more than once only where its acceptance was cut off."""
    with person.imap() as session:
        _, data = session.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    marks = Counter(part[1].decode().partition("<")[2].partition("@")[0] for part in data if isinstance(part, tuple))
    assert len(stream.accepted) > 20, "hardly any mail flowed"
    lost = [number for number in stream.accepted if not marks[MARK.format(number=number)]]
    twice = [n for n in stream.accepted if marks[MARK.format(number=n)] > 1 and n not in stream.uncertain]
    assert (lost, twice) == ([], []), f"of {len(stream.accepted)}"
