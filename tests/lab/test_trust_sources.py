"""What a real operator makes of the nation's sources: lists that come, wait, are approved; sources that fail or lie.

Everything goes the administrator's way, `vaguemestre trust`, and is proven at port 25: the daemon that answers there is
never restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from letters import Edge, Peer, kept
from people import LENS, LISTED, PASTEUR
from terminal import Terminal, Typed

from vaguemestre.host.trust.layout import STATE
from vaguemestre.lab import CertificateRequest, Lab, State
from vaguemestre.lab.desk import Desk
from vaguemestre.lab.listing import Line
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.profiles import leaf_subject
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent

PAGE = b"<!DOCTYPE html><html><title>Request Rejected</title></html>"
OPERATOR = CertificateRequest("mx.nouveau.test", "OPERATEUR NOUVEAU", "Eure (27)", "1270000998")
MANY = tuple(f"etab-{number}.nouveau.test" for number in range(60))
DN = leaf_subject(OPERATOR).rfc4514_string()
DAEMON = "vaguemestre-trust.service"


@pytest.fixture(scope="module", autouse=True)
def undisturbed(lab: Lab, pasteur: Mailboxes) -> Iterator[None]:
    """The timer sleeps: what is asked for here is asked for by these tests. Afterwards all is as it was found."""
    lab.exec(pasteur.host.name, ["systemctl", "stop", "vaguemestre-trust-refresh.timer"])
    yield
    lab.nation.mend()
    asked = ["python3", "/usr/lib/vaguemestre/host.pyz", "trust"]
    lab.exec(pasteur.host.name, [*asked, "refresh", "--now"])
    lab.exec(pasteur.host.name, [*asked, "approve"])
    lab.exec(pasteur.host.name, ["systemctl", "start", "vaguemestre-trust-refresh.timer"])


@pytest.fixture
def nation(lab: Lab) -> Iterator[Desk]:
    """The nation, to publish and to fail; mended afterwards."""
    yield lab.nation
    lab.nation.mend()


Trust = Callable[..., Typed]


@pytest.fixture
def trust(vaguemestre: Terminal, pasteur: Mailboxes) -> Trust:
    """`vaguemestre trust VERB ...` on the Clinique Pasteur's host."""
    return lambda verb, *words: vaguemestre("trust", verb, *words, pasteur.host.name, "--json")


@pytest.fixture
def said(trust: Trust, pasteur: Mailboxes) -> Callable[..., Any]:
    """What the host answers to a verb."""
    return lambda verb, *words: trust(verb, *words).json[pasteur.host.name]


@pytest.fixture
def newcomer(state: State, tmp_path: Path) -> Peer:
    """An operator with a national certificate that no list names yet."""
    return Peer(kept(tmp_path, Authority.load(state.authority).issue(OPERATOR)))


@pytest.fixture
def daemon(lab: Lab, pasteur: Mailboxes) -> Iterator[None]:
    """The daemon of before the test is the daemon of after."""
    before = _daemon(lab, pasteur)
    yield
    assert _daemon(lab, pasteur) == before


def _daemon(lab: Lab, pasteur: Mailboxes) -> bytes:
    return lab.exec(pasteur.host.name, ["systemctl", "show", "-P", "MainPID", DAEMON]).stdout


def test_a_provisioned_operator_holds_what_the_nation_publishes_and_is_on_the_list_itself(
    said: Callable[..., Any],
) -> None:
    shown = said("show")
    assert shown["list"]["fresh"]
    assert {one["stands"] for one in shown["crls"]} == {"current"}
    assert [(one["domain"], one["ours"]) for one in shown["own"] if one["domain"] == PASTEUR] == [(PASTEUR, True)]
    assert shown["certificate"]["days"] > 30


def test_a_domain_is_looked_up_with_its_operator_and_a_slip_of_the_pen_is_pointed_out(trust: Trust) -> None:
    assert next(iter(trust("lookup", LENS).succeeded().json.values()))["entries"][0]["structure"] == LISTED.structure
    asked = trust("lookup", LENS.replace("-", ""))
    assert asked.code == 1
    assert LENS in next(iter(asked.json.values()))["near"]


def test_a_new_list_counts_at_once_and_the_daemon_goes_on(
    nation: Desk, trust: Trust, newcomer: Peer, edge: Edge, anne: Correspondent, daemon: None
) -> None:
    before = edge(newcomer, "a@etab-1.nouveau.test", anne.address)
    nation.republish([*nation.nation.lines(), Line("etab-1.nouveau.test", DN)])
    trust("refresh").succeeded()
    after = edge(newcomer, "a@etab-1.nouveau.test", anne.address)
    assert (before[0], "VGM-201" in before[1], after[0]) == (550, True, 250), (before, after)


def test_a_list_that_changes_too_much_waits_until_it_is_approved_of(
    nation: Desk, trust: Trust, said: Callable[..., Any], newcomer: Peer, edge: Edge, anne: Correspondent, daemon: None
) -> None:
    """Sixty domains come with one operator; the day after, all of them have another operator's certificate too."""
    lines = nation.nation.lines()
    nation.republish([*lines, *(Line(domain, DN.replace("NOUVEAU", "ANCIEN")) for domain in MANY)])
    trust("refresh").succeeded()
    if trust("diff").code == 3:  # the lab's list is short: sixty more may be too many already
        trust("approve", f"--digest={said('diff')['quarantine']['digest'][:16]}").succeeded()
    both = (DN.replace("NOUVEAU", "ANCIEN"), DN)
    nation.republish([*lines, *(Line(domain, dn) for domain in MANY for dn in both)])
    trust("refresh").succeeded()
    assert edge(newcomer, f"a@{MANY[7]}", anne.address)[0] == 550
    waiting = trust("diff")
    assert waiting.code == 3
    (difference,) = waiting.json.values()
    assert any(len(move["domains"]) == 60 for move in difference["moves"])
    assert {one["name"] for one in said("show")["alarms"]} >= {"quarantine"}
    assert trust("approve", "--digest=0123456789abcdef").code == 2
    assert edge(newcomer, f"a@{MANY[7]}", anne.address)[0] == 550
    trust("approve", f"--digest={difference['quarantine']['digest'][:16]}").succeeded()
    assert edge(newcomer, f"a@{MANY[7]}", anne.address)[0] == 250
    assert said("history", "--last=3")["events"][-1]["event"] == "approved"


def test_a_revoked_certificate_is_refused_as_soon_as_the_list_says_so(
    nation: Desk, state: State, trust: Trust, edge: Edge, anne: Correspondent, tmp_path: Path, daemon: None
) -> None:
    issued = Authority.load(state.authority).issue(LISTED)
    peer = Peer(kept(tmp_path, issued))
    assert edge(peer, f"a@{LENS}", anne.address)[0] == 250
    nation.revoke(issued.leaf.serial_number)
    trust("refresh").succeeded()
    code, text = edge(peer, f"a@{LENS}", anne.address)
    assert (code, "VGM-107" in text) == (550, True), text


def test_with_all_sources_away_mail_flows_by_what_is_held(
    nation: Desk, trust: Trust, said: Callable[..., Any], national: Peer, edge: Edge, anne: Correspondent, daemon: None
) -> None:
    nation.stop("web")
    asked = trust("refresh")
    assert asked.code == 1
    assert {one["failure"] for one in said("show")["sources"]} == {"refused"}
    assert edge(national, f"a@{LENS}", anne.address)[0] == 250
    nation.mend()
    trust("refresh").succeeded()
    assert {one["failure"] for one in said("show")["sources"]} == {""}


@pytest.mark.parametrize(
    ("content", "failure"), [(PAGE, "web_page"), (b"", "empty"), (b"<ListeBlancheMSSante/>", "wrong_root")]
)
def test_a_source_that_serves_something_else_is_named_and_nothing_changes(
    nation: Desk, trust: Trust, said: Callable[..., Any], national: Peer, edge: Edge, anne: Correspondent,
    content: bytes, failure: str, daemon: None,
) -> None:  # fmt: skip
    held = said("show")["list"]["digest"]
    nation.publish(content)
    nation.serve("crl", PAGE)
    assert trust("refresh").code == 1
    shown = said("show")
    assert shown["list"]["digest"] == held
    assert [one["failure"] for one in shown["sources"]][:2] == [failure, "web_page"]
    assert edge(national, f"a@{LENS}", anne.address)[0] == 250


def test_a_store_that_was_cut_defers_everybody_and_is_made_anew_by_the_next_run(
    lab: Lab, pasteur: Mailboxes, national: Peer, edge: Edge, anne: Correspondent, daemon: None
) -> None:
    host = pasteur.host.name
    lab.exec(host, ["sh", "-c", f"truncate -s 5000 $(readlink -f {STATE}/listing/current); sleep 1"])
    code, text = edge(national, f"a@{LENS}", anne.address)
    assert (code, "VGM-212" in text) == (451, True), text
    assert lab.exec(host, ["systemctl", "start", "vaguemestre-trust-refresh.service"]).returncode == 0
    lab.exec(host, ["sleep", "0.5"])
    assert edge(national, f"a@{LENS}", anne.address)[0] == 250


def test_a_list_may_be_brought_by_hand(
    nation: Desk, trust: Trust, newcomer: Peer, edge: Edge, anne: Correspondent, tmp_path: Path, daemon: None
) -> None:
    file = tmp_path / "list.xml"
    file.write_bytes(nation.nation.listing([*nation.nation.lines(), Line("apporte.nouveau.test", DN)]))
    assert trust("push", str(file)).code in (0, 3)
    trust("approve", "--digest=" + _digest(file))
    assert edge(newcomer, "a@apporte.nouveau.test", anne.address)[0] == 250


def _digest(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_alarms_reach_the_postmaster(lab: Lab, pasteur: Mailboxes) -> None:
    """The approval of above had been asked for by mail: Postfix took it for the postmaster."""
    told = lab.exec(pasteur.host.name, ["cat", f"{STATE}/told.json"]).stdout
    journal = lab.exec(pasteur.host.name, ["journalctl", "-u", "postfix*", "-o", "cat", "--no-pager"]).stdout
    assert b"false" not in told, "a mail could not be given to Postfix"
    assert b"to=<postmaster@" in journal
