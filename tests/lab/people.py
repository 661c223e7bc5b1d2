"""People with mailboxes on the lab's hosts, and what waits in the hosts' queues."""

from __future__ import annotations

import secrets
import time

from vaguemestre.lab import CertificateRequest, Lab
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent

PASTEUR, LENS = "pasteur-evreux.mssante.test", "ch-lens.mssante.test"
OUTSIDER = "quelqu.un@outside.example"

# What the white list names for Lens: a certificate with this subject may write in its name.
LISTED = CertificateRequest(f"mail.{LENS}", "CH de Lens", "Pas-de-Calais (62)", "1620000999")


def open_mailbox(boxes: Mailboxes, local: str, *options: str) -> Correspondent:
    """A new mailbox of an APP, with somebody to use it."""
    domain = boxes.operator.domains[0].name
    address = f"{local}-{secrets.token_hex(3)}@{domain}"
    password = boxes.add(address, "--type=APP", *options).password
    anchors = boxes.fleet.root / boxes.operator.settings.trust.anchors
    return Correspondent(address, password or "", boxes.host.name, str(boxes.host.address), anchors)


def empty_queues(lab: Lab, *hosts: str, seconds: float = 120) -> None:
    """What waits is tried again until nothing does; by itself Postfix would take a minute or more."""
    end = time.monotonic() + seconds
    while [host for host in hosts if lab.exec(host, ["postqueue", "-j"]).stdout]:
        assert time.monotonic() < end, f"mail still waits on {' or '.join(hosts)} after {seconds:.0f} s"
        for host in hosts:
            lab.exec(host, ["postqueue", "-f"])
        time.sleep(2)


def said(lab: Lab, host: str, *units: str, since: float) -> str:
    """What these units wrote to the journal since then (Unix time)."""
    options = [word for unit in units for word in ("-u", unit)]
    argv = ["journalctl", *options, f"--since=@{since:.3f}", "-o", "cat", "--no-pager"]
    return lab.exec(host, argv).stdout.decode(errors="replace")


def wait_for_line(lab: Lab, host: str, unit: str, words: str, since: float, seconds: float = 30) -> str:
    """The newest line of a unit with these words in it.

    Raises:
        AssertionError: none came in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := [line for line in said(lab, host, unit, since=since).splitlines() if words in line]:
            return found[-1]
        time.sleep(0.5)
    raise AssertionError(f"{host} never said {words!r}")
