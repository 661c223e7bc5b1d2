"""The daemon's faces: what comes in over their sockets, whole and in pieces, and what goes out.

Whatever comes in, nothing fails, answers are of the protocol, pieces make no difference, and a yes is held against a
second, much simpler reading of the question.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from fuzz.fuzzer import Fuzzer, mutated, seeds
from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.decide import WHY, Box, House
from vaguemestre.host.redlist.keeper import Forgetful, Keeper
from vaguemestre.host.trust.authorities import authorities
from vaguemestre.host.trust.conversation import Conversation
from vaguemestre.host.trust.desk import Desk, Knowledge
from vaguemestre.host.trust.dn import key, text_of
from vaguemestre.host.trust.http_face import AuthFace
from vaguemestre.host.trust.milter_face import MilterFace
from vaguemestre.host.trust.peers import Peers
from vaguemestre.host.trust.policy_face import PolicyFace
from vaguemestre.host.trust.probe import ProbeError
from vaguemestre.host.trust.reasons import BY_NAME, DNS_FAILED
from vaguemestre.host.trust.record import Said
from vaguemestre.host.trust.redlist_desk import RedListDesk
from vaguemestre.host.trust.socketmap_face import SocketmapFace
from vaguemestre.host.trust.values import Decision, Identity, Standing
from vaguemestre.pki.authority import Authority, CertificateRequest

OWN, PEER, OTHER = "ch-ici.test", "clinique.test", "labo.test"
ANNE = f"anne@{OWN}"
IDENTITY = Identity(b"\x11" * 16, b"\x22" * 16, 0x33, 4_000_000_000)
_WORDS = (
    b"\n", b"\n\n", b"=", b"\0", b"\r\n", b"\r\n\r\n", b":", b",", b" ", b"sender=", b"recipient=", b"sasl_username=",
    b"<>", b"@", b"policy_context=edge", b"policy_context=submission", b"a@clinique.test", b"a@labo.test", b"v1.",
    b"a@ch-ici.test", b"\xc3\xa9", b"transport ", b"tls ", b"1:", b"99999:", b"Auth-SSL: on", b"Auth-SSL-Cert: ",
    b"%0A", b"\xff", b"MAIL FROM:<>", b"\0\0\0\1", b"\0\0\0\2N", b"From\0", b"L", b"M", b"{auth_authen}\0",
    b"recipient=anne@ch-ici.test", b"recipient=bruno@ch-ici.test", b"anne@ch-ici.test", b"desk@ch-ici.test",
    b"ami@clinique.test", b"permis@clinique.test", b"policy_context=explain", b"~bal", b"+", b"-",
    b"\0\0\0\x14R<anne@ch-ici.test>\0", b"\0\0\0\1E", b"postmaster", b"daemon_name\0inside\0",
)  # fmt: skip


class List:
    """Who is listed: the peer's DN for PEER; OTHER is another's."""

    generated = datetime(2026, 1, 1, tzinfo=UTC)
    version = "one"
    pairs = frozenset[tuple[bytes, str]]()

    @property
    def store(self) -> List:
        return self

    def look(self) -> bool:
        return True

    def entries(self, _: str) -> tuple[()]:
        return ()

    def fresh(self, _: datetime) -> bool:
        return True

    def listed(self, domain: str) -> bool:
        return domain in (PEER, OTHER)

    def speaks_for(self, dn: bytes, domain: str) -> bool:
        return (dn, domain) in self.pairs

    def speakers(self, domain: str) -> frozenset[bytes]:
        return frozenset(dn for dn, one in self.pairs if one == domain)

    def knows(self, dn: bytes) -> bool:
        return any(dn == one for one, _ in self.pairs)


@dataclass(frozen=True)
class Good:
    """Nobody is revoked; of other authorities nothing is known."""

    issuers: frozenset[bytes]
    version: str = "one"

    @property
    def store(self) -> Good:
        return self

    def look(self, _: datetime) -> None: ...

    def standing(self, issuer: bytes, *_: Any) -> Standing:
        return Standing.GOOD if issuer in self.issuers else Standing.UNKNOWN


class Nowhere:
    """The network's side of a look at a peer: there is none."""

    name = "mail.ch-ici.test"

    async def targets(self, *_: Any, **__: Any) -> tuple[Any, ...]:
        raise ProbeError(DNS_FAILED, "no network")


@dataclass
class Witness:
    """Takes the place of the daemon, its journal and a connection's other end."""

    out: bytearray = field(default_factory=bytearray)
    closed: bool = False
    accepted: list[str] = field(default_factory=list)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)

    def decision(self, face: str, decision: Decision, _: object) -> None:
        assert decision.reason.name != "internal_error", decision
        if decision.accepts:
            self.accepted.append(face)

    def say(self, one: Said) -> None:
        face, reason = one.counted
        assert reason != "internal_error", one
        if BY_NAME[reason].accepts:
            self.accepted.append(face)

    def error(self, face: str, error: BaseException) -> None:
        raise error

    failed = error

    def event(self, *_: object, **__: object) -> None: ...

    def admit(self, _: object) -> bool:
        return True

    def left(self, _: object) -> None: ...

    def malformed(self, *_: object) -> None: ...

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.out += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@dataclass
class Stage:
    """What all cases share: an authority, its one operator, and what is listed."""

    loop: asyncio.AbstractEventLoop
    knowledge: Knowledge
    pem: bytes


@cache
def stage() -> Stage:
    authority = Authority.create()
    issued = authority.issue(CertificateRequest("mx.la-bas.test", "CLINIQUE", "Eure (27)", "1199000002"))
    listed = List()
    listed.pairs = frozenset({(key(text_of(issued.leaf.subject)), PEER), (IDENTITY.dn, PEER), (b"o" * 16, OTHER)})
    held = authorities(authority.anchors_pem())
    good = Good(frozenset({IDENTITY.issuer, *(one.key for one in held.all)}))
    knowledge = Knowledge(held, listed, good, frozenset({OWN}))  # type: ignore[arg-type]
    return Stage(asyncio.new_event_loop(), knowledge, issued.leaf_pem())


def heard(make: Callable[[Witness, Desk], Conversation], pieces: list[bytes]) -> Witness:
    """What becomes of a connection that brings these pieces."""

    async def scene() -> Witness:
        witness = Witness()
        face = make(witness, Desk(stage().knowledge, witness, None))  # type: ignore[arg-type]
        face.connection_made(witness)  # type: ignore[arg-type]
        for piece in pieces:
            for at in range(0, len(piece), 65536):
                part = piece[at : at + 65536]
                face.get_buffer(-1)[: len(part)] = part
                if not witness.closed:
                    face.buffer_updated(len(part))
            while face.busy:
                await asyncio.sleep(0)
        return witness

    return stage().loop.run_until_complete(asyncio.wait_for(scene(), 5))


class Written(Forgetful):
    """Anne has written to one person of the peer's."""

    def wrote(self, mailbox: str, correspondent: str, _: int) -> bool:
        return (mailbox, correspondent) == (ANNE, f"ami@{PEER}")

    def domains(self, mailbox: str, _: int) -> set[str]:
        return {PEER} if mailbox == ANNE else set()


@cache
def keeper() -> Keeper:
    """Anne is behind the desk; Bruno is too, but his secretariat is closed."""
    copy = Copy(float("inf"))
    for address, box in (
        (ANNE, Box("active", "secretariat", f"desk@{OWN}", frozenset({f"permis@{PEER}"}))),
        (f"bruno@{OWN}", Box("active", "secretariat", f"fini@{OWN}")),
        (f"desk@{OWN}", Box("active", "none")),
        (f"a@{OWN}", Box("active", "unlisted")),
        (f"fini@{OWN}", Box("closed", "none")),
    ):
        copy.put(address, box)
    copy.confirm()
    return Keeper(copy, Written(), {OWN: House("ici")})


def policy_face(host: Witness, desk: Desk) -> PolicyFace:
    return PolicyFace(host, desk, RedListDesk(desk, keeper(), patience=0))


def milter_face(host: Witness, desk: Desk) -> MilterFace:
    return MilterFace(host, desk, RedListDesk(desk, keeper(), patience=0))


def both_ways(make: Callable[[Witness, Desk], Conversation], case: bytes) -> Witness:
    """The same whole and in pieces; how it is cut follows from the case."""
    whole = heard(make, [case])
    draw = Random(case)  # noqa: S311 - to be drawn again
    cuts = sorted(draw.randrange(len(case) + 1) for _ in range(draw.choice((1, 2, 5))))
    pieces = [case[a:b] for a, b in zip([0, *cuts], [*cuts, len(case)], strict=True)]
    cut = heard(make, [piece for piece in pieces if piece])
    assert cut.out == whole.out, (bytes(cut.out), bytes(whole.out))
    return whole


def _word(witness: Witness) -> str:
    return "accepted" if witness.accepted else "answered" if witness.out else "hung up" if witness.closed else "waits"


def _check_policy(case: bytes) -> str:
    witness = both_ways(policy_face, case)
    answers = bytes(witness.out).split(b"\n\n")
    assert answers.pop() == b""
    questions = case.split(b"\n\n")
    for question, answer in zip(questions, answers, strict=False):
        if b"policy_context=explain" in question and answer.startswith(b"action={"):
            assert json.loads(answer.removeprefix(b"action="))["why"] in (*WHY, "unusable")
            continue
        assert answer in (b"action=DUNNO", b"action=OK") or answer[:10] in (b"action=550", b"action=451"), answer
        if answer == b"action=OK":
            assert ANNE.encode() in question.lower(), question
        if answer == b"action=DUNNO":
            _check_yes(question)
    return _word(witness)


def _check_yes(question: bytes) -> None:
    lines = question.decode(errors="replace").split("\n")

    def said(name: str) -> list[str]:
        return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]

    if said("policy_context") == ["edge"] and said("recipient") not in ([], [""]):
        to, author = said("recipient")[0].lower(), said("sender")[0].lower()
        assert to != ANNE or author in ("", f"ami@{PEER}", f"permis@{PEER}"), question
        assert to != f"bruno@{OWN}", question
    elif said("policy_context") == ["edge"]:
        (token,) = said("sasl_username")
        assert token.startswith(f"v1.{IDENTITY.dn.hex()}.{IDENTITY.issuer.hex()}."), question
        assert said("sender") == [""] or said("sender")[0].lower().rstrip(".").endswith(f"@{PEER}"), question
    else:
        assert said("policy_context") == ["submission"]
        name = said("recipient")[0].rpartition("@")[2].lower().rstrip(".>")
        assert name in (PEER, OTHER, OWN, "postmaster"), question


def _check_map(case: bytes) -> str:
    witness = both_ways(lambda host, desk: SocketmapFace(host, Peers(desk, Nowhere())), case)  # type: ignore[arg-type]
    rest = bytes(witness.out)
    while rest:
        size, _, rest = rest.partition(b":")
        text, comma, rest = rest[: int(size)], rest[int(size) : int(size) + 1], rest[int(size) + 1 :]
        assert comma == b","
        assert text.startswith((b"OK smtp:", b"OK error:5.", b"TEMP ", b"NOTFOUND ")), text
        assert text != b"OK smtp:" or any(name in case.lower() for name in (PEER.encode(), OTHER.encode())), case
    return _word(witness)


def _check_auth(case: bytes) -> str:
    case = case.replace(b"CERTIFICATE", quote(stage().pem.decode()).encode())
    witness = both_ways(lambda host, desk: AuthFace(host, desk, ("127.0.0.1", 10025)), case)
    assert not witness.out or witness.out.startswith(b"HTTP/1.1 ")
    assert len(witness.out) < 1024
    if b"Auth-Status: OK" in witness.out:
        head = case.lower()
        assert re.search(rb"auth-ssl:[ \t]*on[ \t]*\r\n", head)
        assert stage().pem.split(b"\n")[3] in unquote_to_bytes(case)
        assert f"@{PEER}".encode() in head or b"<>" in head
        assert b"Auth-User: v1." in witness.out
    return _word(witness)


def _check_milter(case: bytes) -> str:
    witness = both_ways(milter_face, case)
    rest, handed, left = bytes(witness.out), 0, 0
    while rest:
        size = int.from_bytes(rest[:4], "big")
        assert 1 <= size <= len(rest) - 4
        said, what, rest = chr(rest[4]), rest[5 : 4 + size], rest[4 + size :]
        assert said in "Ocay2-"
        if said == "2":
            assert what.lower().startswith(f"<anne~bal@{OWN}>".encode() + b"\0"), what
            assert b"SUCCESS" not in what
            handed += 1
        if said == "-":
            assert what in case
            assert f"anne@{OWN}".encode() in what.lower()
            left += 1
    assert handed == left
    if witness.accepted:
        assert b"auth_authen" in case
        assert b"M" in case
        assert PEER.encode() in case.lower() or OWN.encode() in case.lower() or b"@" in case
    return _word(witness)


def _fuzzer(name: str, check: Callable[[bytes], str], share: int) -> Fuzzer:
    def make(draw: Random) -> bytes:
        stage()  # drawing keys takes its time, which is not the case's
        return mutated(draw, draw.choice(seeds(name)), _WORDS)

    return Fuzzer(name, make, check, share)


POLICY = _fuzzer("policy", _check_policy, 8)
MAPS = _fuzzer("maps", _check_map, 8)
AUTH = _fuzzer("auth_http", _check_auth, 4)
MILTER = _fuzzer("milter", _check_milter, 8)
