"""OCSP over a real connection, from the lab's own responder: what it says counts, and its silence defers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import vaguemestre.lab
import vaguemestre.pki
from vaguemestre.host.trust.authorities import authorities
from vaguemestre.host.trust.inquiry import Asked, Inquiry
from vaguemestre.host.trust.record import Journal, Record
from vaguemestre.host.trust.values import IssuerKey, Standing
from vaguemestre.pki.authority import Authority

NATIONAL = Authority.create()
HELD = authorities(NATIONAL.anchors_pem())
ISSUING, ROOT = HELD.issuing[0].key, HELD.roots[0].key
GOOD, BAD, AUTHORITY = 17, 23, NATIONAL.issuing.leaf.serial_number
PROGRAM = Path(vaguemestre.lab.__file__).parent / "world" / "ocsp.py"


class Lists:
    """The revocation lists of a host that has none, or that know what they know."""

    def __init__(self, **told: Standing) -> None:
        self.told = {int(name[1:]): standing for name, standing in told.items()}

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        return self.told.get(serial, Standing.UNKNOWN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the responder of the lab's world host answers from."""
    folder = tmp_path_factory.mktemp("ocsp")
    for name, author in (("issuing", NATIONAL.issuing), ("root", NATIONAL.root)):
        voice = NATIONAL.issue_responder("issuing" if name == "issuing" else "root")
        (folder / name).mkdir()
        for file, content in (
            ("authority.pem", author.leaf_pem()),
            ("responder.pem", voice.leaf_pem()),
            ("responder.key", voice.key_pem()),
            ("revoked.json", b"{}"),
        ):
            (folder / name / file).write_bytes(content)
    revoke(folder, BAD)
    return folder


def revoke(folder: Path, *serials: int) -> None:
    told = {f"{serial:x}": datetime.now(UTC).isoformat() for serial in serials}
    (folder / "issuing" / "revoked.json").write_text(json.dumps(told))


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    beside = {**os.environ, "PYTHONPATH": str(Path(vaguemestre.pki.__file__).parent)}
    with subprocess.Popen(
        [sys.executable, PROGRAM, str(port), folder], env=beside, stderr=subprocess.DEVNULL
    ) as server:
        _until_open(port)
        yield f"http://127.0.0.1:{port}"
        server.kill()


def _until_open(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"no responder on port {port}")


def run(story: Coroutine[None, None, None]) -> None:
    asyncio.run(story)


def inquiry(url: str, told: list[str] | None = None) -> Inquiry:
    record = Record(Journal(os.open(os.devnull, os.O_WRONLY), asyncio.get_running_loop()))
    made = Inquiry(url, None, HELD, record)
    if told is not None:
        record.event = lambda name, **facts: told.append(f"{name}: {facts['why']}")  # type: ignore[method-assign]
    return made


def test_what_the_lists_do_not_know_the_responder_does(url: str) -> None:
    async def story() -> None:
        asking = inquiry(url)
        asked = Asked(Lists(), asking)
        now = datetime.now(UTC)
        certificates = [(ISSUING, GOOD), (ISSUING, BAD), (ROOT, AUTHORITY)]
        assert [asked.standing(*one, now) for one in certificates] == [Standing.UNKNOWN] * 3
        assert asking.may_ask(asked.unknown)
        await asking.ask(asked.unknown)
        now = datetime.now(UTC)
        expected = [Standing.GOOD, Standing.REVOKED, Standing.GOOD]
        assert [asked.standing(*one, now) for one in certificates] == expected
        assert not asking.may_ask(asked.unknown)

    run(story())


def test_what_the_lists_know_nobody_is_asked_about(url: str) -> None:
    async def story() -> None:
        asked = Asked(Lists(_17=Standing.REVOKED, _23=Standing.GOOD), inquiry(url))
        now = datetime.now(UTC)
        assert asked.standing(ISSUING, GOOD, now) is Standing.REVOKED
        assert asked.standing(ISSUING, BAD, now) is Standing.GOOD
        assert not asked.unknown

    run(story())


def test_an_answer_is_not_believed_beyond_its_end(url: str) -> None:
    async def story() -> None:
        asking = inquiry(url)
        await asking.ask([(ISSUING, GOOD)])
        now = datetime.now(UTC)
        assert asking.known((ISSUING, GOOD), now) is Standing.GOOD
        assert asking.known((ISSUING, GOOD), now.replace(year=now.year + 1)) is Standing.UNKNOWN

    run(story())


def test_an_authority_that_nobody_holds_stays_unknown(url: str) -> None:
    async def story() -> None:
        asking = inquiry(url)
        await asking.ask([(b"\0" * 16, GOOD)])
        assert asking.known((b"\0" * 16, GOOD), datetime.now(UTC)) is Standing.UNKNOWN

    run(story())


def test_a_responder_that_is_down_is_left_alone_for_a_while() -> None:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        nobody = f"http://127.0.0.1:{chosen.getsockname()[1]}"

    async def story() -> None:
        told: list[str] = []
        asking = inquiry(nobody, told)
        await asking.ask([(ISSUING, GOOD)])
        assert asking.known((ISSUING, GOOD), datetime.now(UTC)) is Standing.UNKNOWN
        assert not asking.may_ask([(ISSUING, GOOD)])
        assert told[0].startswith("ocsp_failed: ConnectionRefusedError")

    run(story())


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n<html>blocked</html>     ",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"SSH-2.0-x\r\n",
        b"",
    ],
    ids=["a firewall's page", "403", "cut short", "broken chunks", "no HTTP", "nothing"],
)
def test_a_responder_that_answers_nonsense_says_nothing(said: bytes) -> None:
    async def story() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(said)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        told: list[str] = []
        asking = inquiry(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", told)
        await asking.ask([(ISSUING, GOOD)])
        assert asking.known((ISSUING, GOOD), datetime.now(UTC)) is Standing.UNKNOWN
        assert told
        server.close()

    run(story())
