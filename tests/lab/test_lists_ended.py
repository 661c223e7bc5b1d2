"""Revocation lists that ended, their grace too: OCSP answers for them, and where it is silent nobody is believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from letters import Edge, Peer, kept
from people import LENS, LISTED

from vaguemestre.lab import Lab, State
from vaguemestre.pki.authority import Authority, Issued
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent

SETTINGS = "/etc/vaguemestre/trust.json"
REFRESH = "python3 /usr/lib/vaguemestre/host.pyz trust refresh --now"
SENDER = f"a@{LENS}"


@pytest.fixture(scope="module", autouse=True)
def ended(lab: Lab, state: State, pasteur: Mailboxes) -> Iterator[None]:
    """The host holds lists that ended a moment ago and gives them no grace; afterwards all is as it was found."""
    _told(lab, pasteur, f"systemctl stop vaguemestre-trust-refresh.timer; cp -a {SETTINGS} /root/trust.json")
    _told(lab, pasteur, f"sed -Ei 's/(\"grace_seconds\": *)[0-9]+/\\10/' {SETTINGS}")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
    authority = Authority.load(state.authority)
    lab.nation.serve("crl", authority.crl(until=until))
    lab.nation.serve("root-crl", authority.root_crl(until=until))
    _told(lab, pasteur, f"{REFRESH}; systemctl restart vaguemestre-trust.service")
    time.sleep(max(0, (until - datetime.now(UTC)).total_seconds()) + 1)
    yield
    lab.nation.mend()
    _told(lab, pasteur, f"mv /root/trust.json {SETTINGS}; {REFRESH}; systemctl restart vaguemestre-trust.service")
    _told(lab, pasteur, "systemctl start vaguemestre-trust-refresh.timer")


@pytest.fixture
def issued(state: State) -> Issued:
    """A certificate that nobody has asked about before."""
    return Authority.load(state.authority).issue(LISTED)


def test_an_operator_that_ocsp_calls_good_may_write(edge: Edge, national: Peer, anne: Correspondent) -> None:
    assert edge(national, SENDER, anne.address)[0] == 250


def test_an_operator_that_ocsp_calls_revoked_may_not(
    lab: Lab, edge: Edge, issued: Issued, anne: Correspondent, tmp_path: Path
) -> None:
    lab.nation.revoke(issued.leaf.serial_number)
    code, text = edge(Peer(kept(tmp_path, issued)), SENDER, anne.address)
    assert (code, "VGM-107" in text) == (550, True), text


def test_without_ocsp_only_what_it_said_before_counts_until_the_lists_are_back(
    lab: Lab, pasteur: Mailboxes, edge: Edge, national: Peer, issued: Issued, anne: Correspondent, tmp_path: Path
) -> None:
    newcomer = Peer(kept(tmp_path, issued))
    assert edge(national, SENDER, anne.address)[0] == 250
    lab.nation.stop("ocsp")
    code, text = edge(newcomer, SENDER, anne.address)
    assert (code, "VGM-108" in text) == (451, True), text
    assert edge(national, SENDER, anne.address)[0] == 250
    lab.nation.mend()
    _told(lab, pasteur, REFRESH)
    _until(lambda: edge(newcomer, SENDER, anne.address)[0] == 250)


def _told(lab: Lab, pasteur: Mailboxes, command: str) -> None:
    done = lab.exec(pasteur.host.name, ["sh", "-ec", command])
    assert done.returncode == 0, done.stderr.decode()


def _until(reached: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.5)
