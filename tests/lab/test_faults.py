"""What goes wrong on a real operator, and what is left of it: a clear message, a host unharmed, every message kept."""

from __future__ import annotations

import re
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from spoil import added, apply, edited, picture
from terminal import Typed

from vaguemestre.engines.wire import Applied, Failed
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.site import sites

PASTEUR, LENS = "mail.pasteur-evreux.mssante.test", "mail.ch-lens.mssante.test"


@pytest.fixture(scope="module")
def correspondents(operators: Fleet) -> Iterator[tuple[Correspondent, Correspondent]]:
    """Somebody at the Clinique Pasteur and somebody at the CH de Lens."""
    with ExitStack() as stack:
        pasteur, lens = (stack.enter_context(site.probe(operators)) for site in sites(operators))
        yield pasteur, lens


@pytest.fixture
def unharmed(lab: Lab, operators: Fleet, vaguemestre: Callable[..., Typed]) -> Iterator[None]:
    """Whatever is tried on CH de Lens: nothing there has changed in the end, and it is what its inventory says."""
    before = picture(lab, LENS)
    yield
    assert picture(lab, LENS) == before
    vaguemestre("status").succeeded()


# --- a release that must not be ---


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("/etc/dovecot/dovecot.conf", b"protocols = imap", b"protokols = imap", "Unknown setting: protokols"),
        ("/etc/postfix/master.cf", b"inet       n       -", b"inet       oui     -", 'invalid private field "oui"'),
        ("/etc/nginx/nginx.conf", b"starttls only", b"starttls onley", 'invalid value "onley"'),
        ("/etc/vaguemestre/trust.json", b'"own_domains"', b'"own_domain"', "own_domains"),
        ("/etc/nftables.conf", b"policy drop", b"policy dorp", "dorp"),
        ("/etc/ldap/slapd.conf", b"database", b"databaze", "databaze"),
        ("/etc/ssh/sshd_config.d/00-vaguemestre.conf", b"PermitRootLogin", b"PermitRootLogon", "PermitRootLogon"),
    ],
    ids=["dovecot", "postfix", "edge", "trust", "nftables", "slapd", "sshd"],
)
def test_a_broken_template_is_refused_in_the_daemons_own_words(
    unharmed: None, operators: Fleet, path: str, old: bytes, new: bytes, words: str
) -> None:
    outcomes = apply(operators, {LENS: edited(path, old, new)})
    refused, other = outcomes[LENS], outcomes[PASTEUR]
    assert isinstance(refused, Failed), refused
    assert (refused.phase, refused.restored) == ("judge", True)
    assert words in refused.message
    assert isinstance(other, Applied), other


def test_a_release_whose_service_does_not_answer_gives_way_to_the_previous_one_and_mail_flows(
    operators: Fleet, vaguemestre: Callable[..., Typed], correspondents: tuple[Correspondent, Correspondent]
) -> None:
    """Dovecot accepts its configuration and starts, but listens where nobody looks."""
    pasteur, lens = correspondents
    outcome = apply(operators, {LENS: edited("/etc/dovecot/dovecot.conf", b"listen = *", b"listen = 127.0.0.9")})[LENS]
    assert isinstance(outcome, Failed), outcome
    assert (outcome.phase, outcome.restored) == ("probe", True)
    assert "dovecot" in outcome.message
    vaguemestre("status").succeeded()
    lens.wait_for(pasteur.send(lens.address, "après le retour"))
    pasteur.wait_for(lens.send(pasteur.address, "après le retour"))


# --- a host that cannot take it ---

FULL = """
set -eu
mount -t tmpfs -o size=64m,mode=700 tmpfs /mnt
cp -a /var/lib/vaguemestre/. /mnt/
head -c 65m /dev/zero >/mnt/filler 2>/dev/null || true
mount --bind /mnt /var/lib/vaguemestre
"""
EMPTY_AGAIN = "umount /var/lib/vaguemestre; umount /mnt"
READ_ONLY = "mount --bind /etc /etc && mount -o remount,bind,ro /etc"
WRITABLE_AGAIN = "umount /etc"


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        pytest.param(FULL, EMPTY_AGAIN, "No space left on device", id="disk full while staging"),
        pytest.param(READ_ONLY, WRITABLE_AGAIN, "Read-only file system", id="read-only /etc"),
    ],
)
def test_a_host_that_cannot_be_written_says_so_and_is_unharmed(
    unharmed: None, lab: Lab, operators: Fleet, begin: str, end: str, words: str
) -> None:
    spoilt = lab.exec(LENS, ["sh", "-c", begin])
    try:
        assert spoilt.returncode == 0, spoilt.stderr
        outcomes = apply(operators, {LENS: added("/etc/vaguemestre/essai", b"x" * 4096)})
    finally:
        lab.exec(LENS, ["sh", "-c", end])
    failed, other = outcomes[LENS], outcomes[PASTEUR]
    assert isinstance(failed, Failed), failed
    assert failed.restored
    assert words in failed.message
    assert len(failed.message.splitlines()) <= 3, failed.message
    assert isinstance(other, Applied), other


# --- mail while daemons die ---

KILLS = {
    "master": "kill -9 $(cat /var/spool/postfix/pid/master.pid)",
    "qmgr": "pkill -9 -x qmgr",
    "cleanup": "pkill -9 -x cleanup",
    "smtpd": "pkill -9 -x smtpd",
    "delivery": "pkill -9 -x 'lmtp|smtp'",
    "dovecot": "systemctl kill -s KILL dovecot",
    "slapd": "systemctl kill -s KILL slapd",
    "trust": "systemctl kill -s KILL vaguemestre-trust",
    "nginx": "systemctl kill -s KILL nginx",
}
AWAKE = "systemctl reset-failed; systemctl start slapd dovecot vaguemestre-trust postfix nginx; postqueue -f"
LETTERS = 50


def test_no_accepted_message_is_lost_while_every_daemon_of_both_hosts_is_killed(
    lab: Lab, correspondents: tuple[Correspondent, Correspondent]
) -> None:
    """Messages go either way all the time; every daemon of each host is killed, then one host's power is cut."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write_to_each_other, correspondents, over)
        try:
            spared = [f"{name} of {host}" for host in (PASTEUR, LENS) for name in KILLS if not _killed(lab, host, name)]
            lab.kill(LENS)
            lab.start(LENS)
        finally:
            over.set()
    accepted = writing.result()
    assert not spared
    assert len(accepted) >= LETTERS
    missing = _missing(lab, correspondents, accepted)
    assert not missing, f"accepted and lost: {missing}"


def _killed(lab: Lab, host: str, name: str, seconds: float = 10) -> bool:
    """Kill a daemon at work, however short its life, and start again what gave up; False when it was never there."""
    end = time.monotonic() + seconds
    while (missed := lab.exec(host, ["sh", "-c", KILLS[name]]).returncode != 0) and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    lab.exec(host, ["sh", "-c", AWAKE])
    return not missed


def _write_to_each_other(
    people: tuple[Correspondent, Correspondent], over: threading.Event
) -> list[tuple[Correspondent, str]]:
    """Send until it is over, but so many at least; gives whom each accepted message was for."""
    accepted: list[tuple[Correspondent, str]] = []
    while not over.is_set() or len(accepted) < LETTERS:
        sender, recipient = people if len(accepted) % 2 else people[::-1]
        accepted.append((recipient, _accepted(sender, recipient, f"Numéro {len(accepted)}")))
    return accepted


def _accepted(sender: Correspondent, recipient: Correspondent, subject: str, seconds: float = 90) -> str:
    """Submit until the server says 250; only then is it answerable for the message."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return sender.send(recipient.address, subject)
        except (smtplib.SMTPException, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{sender.host} took no message for {seconds:.0f} s")


def _missing(
    lab: Lab, people: tuple[Correspondent, ...], accepted: list[tuple[Correspondent, str]], seconds: float = 120
) -> set[str]:
    """Which of these messages are in no inbox by then, with the queues flushed again and again."""
    end = time.monotonic() + seconds
    missing = {letter for _, letter in accepted}
    while missing and time.monotonic() < end:
        for host in (PASTEUR, LENS):
            lab.exec(host, ["sh", "-c", AWAKE])
        missing -= {letter for person in people for letter in _inbox(person)}
    return missing


def _inbox(person: Correspondent) -> list[str]:
    """The Message-IDs in somebody's inbox."""
    with person.imap() as session:
        _, answer = session.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    headers = b"".join(part[1] for part in answer if isinstance(part, tuple)).decode()
    return re.findall("<[^>]+>", headers)
