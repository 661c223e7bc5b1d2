"""OCSP when the lists do not know: a real responder over a real connection, well or badly behaved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from rehearsed_space import OTHERS, PEER, TrustSpace, identity, trust_space

from vaguemestre.host.trust import inquiry, layout, reasons
from vaguemestre.host.trust.daemon import knowledge
from vaguemestre.host.trust.desk import Answer, Desk, Opening
from vaguemestre.host.trust.inquiry import Inquiry
from vaguemestre.host.trust.record import Journal, Record
from vaguemestre.host.trust.values import Decision


@pytest.fixture(scope="module")
def space() -> Iterator[TrustSpace]:
    """Nothing is known of revocation here but what OCSP says."""
    with trust_space() as made:
        made.forget_revocation()
        yield made


@dataclass
class Responder:
    """Answers as the authority does, or as `manner` says: down, silent, page, huge, cut."""

    space: TrustSpace
    manner: str = "good"
    asked: int = 0
    targets: list[bytes] = field(default_factory=list)

    async def met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        head = await reader.readuntil(b"\r\n\r\n")
        self.targets.append(head.split(b" ", 2)[1])
        size = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        question = await reader.readexactly(size)
        if self.manner == "silent":
            await reader.read()
        body = self.space.authority.ocsp_answer(question)
        body = {"page": b"<html>blocked</html>", "huge": b"x" * 200_000, "cut": body[:100]}.get(self.manner, body)
        status = b"503 No" if self.manner == "down" else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()


@asynccontextmanager
async def desk(space: TrustSpace, responder: Responder) -> AsyncIterator[Desk]:
    server = await asyncio.start_server(responder.met, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocsp"
    sink = os.open(os.devnull, os.O_WRONLY)
    record = Record(Journal(sink, asyncio.get_running_loop()))
    held = knowledge(layout.settings(space.config), space.places)
    yield Desk(held, record, Inquiry(url, None, held.authorities, record))
    server.close()
    record.journal.close()
    os.close(sink)


async def decided(answer: Answer) -> Decision:
    return answer if isinstance(answer, Decision) else await answer


def test_a_good_answer_lets_mail_through_and_is_remembered(space: TrustSpace) -> None:
    async def scene() -> None:
        responder = Responder(space)
        async with desk(space, responder) as one:
            token = identity(space, space.peer).token
            found = await asyncio.gather(*(decided(one.transaction(token, f"a@{PEER}", "")) for _ in range(20)))
            assert all(decision.accepts for decision in found)
            assert responder.asked == 1
            assert isinstance(one.transaction(token, f"a@{PEER}", ""), Decision)
            assert not (await decided(one.transaction(token, f"a@{OTHERS}", ""))).accepts

    asyncio.run(scene())


def test_a_session_asks_about_the_authority_too(space: TrustSpace) -> None:
    async def scene() -> None:
        responder = Responder(space)
        async with desk(space, responder) as one:
            opening = Opening(True, space.peer.leaf_pem(), f"MAIL FROM:<a@{PEER}>", "RCPT TO:<postmaster>", "")
            assert (await decided(one.session(opening))).accepts
            assert responder.asked == 2
            assert set(responder.targets) == {b"/ocsp"}

    asyncio.run(scene())


def test_a_revoked_certificate_is_refused(space: TrustSpace) -> None:
    async def scene() -> None:
        async with desk(space, Responder(space)) as one:
            space.authority.revoke(space.other.leaf.serial_number)
            token = identity(space, space.other).token
            assert (await decided(one.transaction(token, f"a@{OTHERS}", ""))).reason is reasons.REVOKED

    asyncio.run(scene())


@pytest.mark.parametrize(("manner", "asked"), [("down", 1), ("huge", 1), ("silent", 1), ("page", 3), ("cut", 3)])
def test_a_responder_that_fails_defers_and_is_left_alone(
    space: TrustSpace, manner: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry, "_SECONDS", 0.4)

    async def scene() -> None:
        responder = Responder(space, manner)
        async with desk(space, responder) as one:
            who = identity(space, space.peer)
            for serial in range(5):
                token = replace(who, serial=who.serial + serial).token
                decision = await decided(one.transaction(token, f"a@{PEER}", ""))
                assert decision.reason is reasons.REVOCATION_UNKNOWN
            assert responder.asked == asked
            assert one.record.events["ocsp_failed"] == asked

    asyncio.run(scene())


def test_an_identity_of_an_unknown_authority_is_asked_of_nobody(space: TrustSpace) -> None:
    async def scene() -> None:
        responder = Responder(space)
        async with desk(space, responder) as one:
            token = replace(identity(space, space.peer), issuer=b"?" * 16).token
            assert (await decided(one.transaction(token, f"a@{PEER}", ""))).reason is reasons.REVOCATION_UNKNOWN
            assert responder.asked == 0
            good = identity(space, space.peer).token
            assert (await decided(one.transaction(good, f"a@{PEER}", ""))).accepts

    asyncio.run(scene())
