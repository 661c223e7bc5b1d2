"""Looks at peers: real SMTP and DNS servers on loopback, with real handshakes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from rehearsed_peers import Names, Records, Server, names, serving
from rehearsed_space import OTHERS, OWN, PEER, TrustSpace, dn, request, trust_space

from vaguemestre.host.trust import finding, layout, peers, probe, reasons
from vaguemestre.host.trust.daemon import knowledge
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.finding import Pins
from vaguemestre.host.trust.peers import Peers
from vaguemestre.host.trust.probe import Prober
from vaguemestre.host.trust.record import Journal, Record
from vaguemestre.pki.authority import Issued

pytestmark = pytest.mark.slow

PORT = 2525
MX: Records = {(PEER, "MX"): ["10 mx.peer.test."], ("mx.peer.test", "A"): ["127.0.30.1"]}


@pytest.fixture(scope="module")
def space() -> Iterator[TrustSpace]:
    with trust_space() as made:
        yield made


@dataclass
class Stand:
    peers: Peers
    names: Names
    desk: Desk

    async def ask(self, key: str = f"{PEER}:{PORT}") -> Pins:
        answer = self.peers.pins(key)
        return answer if isinstance(answer, Pins) else await answer


@asynccontextmanager
async def stand(space: TrustSpace, records: Records, servers: dict[str, Server]) -> AsyncIterator[Stand]:
    async with AsyncExitStack() as stack:
        served, port = await stack.enter_async_context(names(dict(records)))
        for address, server in servers.items():
            await stack.enter_async_context(serving(server, address, PORT))
        sink = os.open(os.devnull, os.O_WRONLY)
        record = Record(Journal(sink, asyncio.get_running_loop()))
        desk = Desk(knowledge(layout.settings(space.config), space.places), record, None)
        made = Peers(desk, Prober("mail.ch-ici.test", space.root / "chain.pem", space.key, f"127.0.0.1:{port}"))
        yield Stand(made, served, desk)
        record.journal.close()
        os.close(sink)


def issued(space: TrustSpace, manner: str) -> Issued:
    """A certificate for the peer's server, with one thing wrong."""
    now = datetime.now(UTC)
    long_ago = {"not_before": now - timedelta(days=9), "not_after": now - timedelta(days=1)}
    same = request("mx.la-bas.test", "CLINIQUE LA BAS", "199000002")
    if manner == "expired":
        return space.authority.issue(same, **long_ago)
    if manner == "not_yet":
        return space.authority.issue(same, not_before=now + timedelta(days=1), not_after=now + timedelta(days=9))
    if manner == "client_only":
        return space.authority.issue(same, usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
    if manner == "foreign":
        return space.foreign.issue(same)
    return space.authority.issue(request("mx.la-bas.test", "UNE AUTRE CLINIQUE", "199000002"))


def test_a_proven_server_is_pinned_by_its_certificate_and_sees_ours(space: TrustSpace) -> None:
    async def scene() -> None:
        server = Server(space.peer, anchors=space.authority.anchors_pem())
        async with stand(space, MX, {"127.0.30.1": server}) as one:
            pins = await one.ask()
            assert pins.decision.accepts
            assert server.clients == [space.ours.leaf_der()]
            assert [len(bytes.fromhex(print_.replace(":", ""))) for print_ in pins.fingerprints] == [32]
            again = await one.ask()
            assert again.fingerprints == pins.fingerprints
            assert server.seen == 1

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (("expired", "good"), reasons.EXPIRED),
        (("not_yet", "good"), reasons.NOT_YET_VALID),
        (("client_only", "good"), reasons.WRONG_USAGE),
        (("foreign", "good"), reasons.FOREIGN_AUTHORITY),
        (("other_dn", "good"), reasons.DN_NOT_LISTED),
        ((None, "no_tls"), reasons.PEER_NO_TLS),
        ((None, "refuses"), reasons.PEER_UNREACHABLE),
        ((None, "no_smtp"), reasons.PEER_UNREACHABLE),
        ((None, "hangs_up"), reasons.PEER_SILENT),
        ((None, "ehlo_fails"), reasons.PEER_HANDSHAKE),
        ((None, "tls_fails"), reasons.PEER_HANDSHAKE),
        (None, reasons.PEER_UNREACHABLE),
    ],
)
def test_a_server_that_proves_nothing_is_named_a_reason(
    space: TrustSpace, server: tuple[str | None, str] | None, reason: reasons.Reason
) -> None:
    async def scene() -> None:
        servers = {}
        if server is not None:
            manner, behaviour = server
            servers["127.0.30.1"] = Server(issued(space, manner) if manner else None, behaviour)
        async with stand(space, MX, servers) as one:
            pins = await one.ask()
            assert pins.decision.reason is reason
            assert not pins.fingerprints
            assert pins.definite is reason.final

    asyncio.run(scene())


def test_a_revoked_server_is_refused_at_once_even_when_it_was_good_a_moment_ago(space: TrustSpace) -> None:
    async def scene() -> None:
        async with stand(space, MX, {"127.0.30.1": Server(space.peer)}) as one:
            assert (await one.ask()).decision.accepts
            space.revoke(space.peer.leaf.serial_number)
            await asyncio.sleep(0.25)
            assert (await one.ask()).decision.reason is reasons.REVOKED
            space.revoke()

    asyncio.run(scene())


def test_all_proven_servers_of_a_domain_are_pinned_and_others_are_not(space: TrustSpace) -> None:
    records: Records = {
        (PEER, "MX"): ["10 a.test.", "20 b.test.", "30 c.test."],
        ("a.test", "A"): ["127.0.30.1"],
        ("b.test", "A"): ["127.0.30.2"],
        ("c.test", "A"): ["127.0.30.3", "127.0.30.4"],
    }
    second = space.authority.issue(request("mx.la-bas.test", "CLINIQUE LA BAS", "199000002"))

    async def scene() -> None:
        servers = {
            "127.0.30.1": Server(space.peer),
            "127.0.30.2": Server(issued(space, "other_dn")),
            "127.0.30.3": Server(second),
        }
        async with stand(space, records, servers) as one:
            pins = await one.ask()
            assert pins.decision.accepts
            assert len(pins.fingerprints) == 2

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ({(PEER, "MX"): ["0 ."]}, reasons.PEER_NULL_MX),
        ({("else.test", "A"): ["127.0.30.1"]}, reasons.DNS_FAILED),
        ({(PEER, "MX"): ["10 nowhere.test."]}, reasons.DNS_FAILED),
        ({(PEER, "A"): ["127.0.30.1"]}, reasons.ACCEPTED),
    ],
)
def test_dns_says_whom_to_ask(space: TrustSpace, records: Records, reason: reasons.Reason) -> None:
    async def scene() -> None:
        async with stand(space, records, {"127.0.30.1": Server(space.peer)}) as one:
            assert (await one.ask()).decision.reason is reason

    asyncio.run(scene())


def test_a_next_hop_in_brackets_is_asked_without_mx(space: TrustSpace) -> None:
    async def scene() -> None:
        records = {(PEER, "A"): ["127.0.30.2"], **MX}
        async with stand(space, records, {"127.0.30.2": Server(space.peer)}) as one:
            assert (await one.ask(f"[{PEER}]:{PORT}")).decision.accepts
            assert not (await one.ask(f"{PEER}:{PORT}")).decision.accepts

    asyncio.run(scene())


def test_many_ask_at_once_and_the_server_is_looked_at_once(space: TrustSpace) -> None:
    async def scene() -> None:
        server = Server(space.peer)
        async with stand(space, MX, {"127.0.30.1": server}) as one:
            found = await asyncio.gather(*(one.ask() for _ in range(50)))
            assert all(pins.decision.accepts for pins in found)
            assert server.seen == 1

    asyncio.run(scene())


def test_one_look_at_a_server_serves_all_its_domains_and_each_is_judged_by_itself(space: TrustSpace) -> None:
    many = [f"cabinet-{number}.mssante.test" for number in range(30)]
    space.list([(PEER, dn(space.peer)), *((name, dn(space.peer)) for name in many[1:]), (many[0], dn(space.other))])

    async def scene() -> None:
        server = Server(space.peer)
        records: Records = {**MX, **{(name, "MX"): ["10 mx.peer.test."] for name in many}}
        async with stand(space, records, {"127.0.30.1": server}) as one:
            found = await asyncio.gather(*(one.ask(f"{name}:{PORT}") for name in many))
            assert [pins.decision.accepts for pins in found] == [False] + [True] * 29
            assert found[0].decision.reason is reasons.DN_NOT_LISTED
            assert server.seen == 1

    try:
        asyncio.run(scene())
    finally:
        space.list_everybody()


def test_a_definite_refusal_returns_mail_only_when_seen_twice_and_a_mended_server_is_written_to(
    space: TrustSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "CONFIRM_AFTER", 0.3)
    monkeypatch.setattr(peers, "LOOK_AGAIN_AFTER", 0.4)
    monkeypatch.setattr(probe, "SHARED_FOR", 0.0)

    async def scene() -> None:
        server = Server(issued(space, "other_dn"))
        async with stand(space, MX, {"127.0.30.1": server}) as one:
            monkeypatch.setattr(finding, "SMTP", PORT)
            assert (await one.ask(PEER)).decision.reason is reasons.DN_NOT_LISTED
            assert one.peers.route(PEER).accepts  # the message waits, it is not returned
            await until(lambda: not one.peers.route(PEER).accepts)
            assert one.peers.route(PEER).reason is reasons.DN_NOT_LISTED
            assert server.seen == 2
            server.issued = space.peer
            await until(lambda: one.peers.route(PEER).accepts)
            assert (await one.ask(PEER)).decision.accepts

    asyncio.run(scene())


def test_what_was_not_reached_returns_no_mail_and_is_left_alone_a_while(space: TrustSpace) -> None:
    async def scene() -> None:
        server = Server(None, "hangs_up")
        async with stand(space, MX, {"127.0.30.1": server}) as one:
            for _ in range(5):
                assert (await one.ask()).decision.reason is reasons.PEER_SILENT
            assert server.seen == 1
            assert one.peers.route(PEER).accepts

    asyncio.run(scene())


def test_a_hundred_silent_peers_do_not_slow_the_others(space: TrustSpace) -> None:
    """Also when they are all new, and DNS answers nobody for some of them."""
    silent = [f"muet-{number}.mssante.test" for number in range(100)]
    records: Records = {(name, "A"): ["127.0.30.9"] for name in silent}
    space.list([(PEER, dn(space.peer)), *((name, dn(space.other)) for name in silent)])

    async def scene() -> None:
        servers = {"127.0.30.1": Server(space.peer), "127.0.30.9": Server(None, "silent")}
        async with stand(space, {**MX, **records}, servers) as one:
            assert (await one.ask()).decision.accepts
            asking = [asyncio.create_task(one.ask(f"{name}:{PORT}")) for name in silent]
            await asyncio.sleep(0.5)
            forget(one, PEER)
            began = time.monotonic()
            assert (await one.ask()).decision.accepts
            assert one.peers.route(silent[0]).accepts
            assert one.peers.route(OTHERS).reason is reasons.RECIPIENT_NOT_LISTED
            assert time.monotonic() - began < 1.5
            assert one.peers.under_way <= 100
            for task in asking:
                task.cancel()

    try:
        asyncio.run(scene())
    finally:
        space.list_everybody()


def test_without_dns_every_look_ends_in_time(space: TrustSpace) -> None:
    async def scene() -> None:
        async with stand(space, MX, {}) as one:
            one.names.dumb = True
            began = time.monotonic()
            assert (await one.ask()).decision.reason is reasons.DNS_FAILED
            assert time.monotonic() - began < 5

    asyncio.run(scene())


def test_nothing_but_listed_domains_is_ever_looked_at(space: TrustSpace) -> None:
    async def scene() -> None:
        async with stand(space, MX, {}) as one:
            for key, reason in {
                "dehors.example": reasons.RECIPIENT_NOT_LISTED,
                f"sous.{PEER}": reasons.RECIPIENT_NOT_LISTED,
                OWN: reasons.NOT_RELAYED,
                "[127.0.0.1]:25": reasons.UNUSABLE_RECIPIENT,
                f"{PEER}:99999": reasons.UNUSABLE_RECIPIENT,
            }.items():
                answer = one.peers.pins(key)
                assert not isinstance(answer, Awaitable)
                assert answer.decision.reason is reason

    asyncio.run(scene())


def forget(one: Stand, name: str) -> None:
    """As if a minute had gone by: what was found no longer holds."""
    for peer in one.peers.remembered(name):
        peer.again_at = 0.0


async def until(condition: object, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came to that"
        await asyncio.sleep(0.02)


def test_the_certificate_we_present_is_read_for_each_session(space: TrustSpace, tmp_path: Path) -> None:
    prober = Prober("mail.ch-ici.test", space.root / "chain.pem", space.key)
    assert prober.context().verify_mode.name == "CERT_NONE"
    with pytest.raises(FileNotFoundError):
        Prober("x", tmp_path / "none", space.key).context()
