"""The trust daemon: ``host.pyz trust-daemon``. Answers nginx and Postfix from what the host holds, and fails closed.

It holds no state that a restart could lose. Lists are swapped beneath it (`store`); when the settings or the
authorities change it is restarted, and since systemd keeps the sockets, who asks meanwhile waits.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from vaguemestre.host.redlist import keeper
from vaguemestre.host.redlist.keeper import Keeper
from vaguemestre.host.trust import layout, supervision
from vaguemestre.host.trust.authorities import AuthorityError, authorities
from vaguemestre.host.trust.conversation import Conversation
from vaguemestre.host.trust.desk import Desk, Knowledge
from vaguemestre.host.trust.http_face import AuthFace, MetricsFace
from vaguemestre.host.trust.inquiry import Inquiry
from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.metrics import Meters
from vaguemestre.host.trust.milter_face import MilterFace
from vaguemestre.host.trust.peers import Peers
from vaguemestre.host.trust.policy_face import PolicyFace
from vaguemestre.host.trust.probe import Prober
from vaguemestre.host.trust.recall import RecalledListing, RecalledRevocations
from vaguemestre.host.trust.record import Journal, Record
from vaguemestre.host.trust.redlist_desk import RedListDesk
from vaguemestre.host.trust.socketmap_face import SocketmapFace
from vaguemestre.host.trust.store import ListingStore, RevocationStore
from vaguemestre.host.trust.supervision import SupervisionError
from vaguemestre.host.trust.turns import Turns

_MOST = 1000  # connections of one face
_BACKLOG = 4096  # that wait to be taken in; asyncio would cut what systemd has set to 100
_SWEEP = 5.0  # seconds between two looks for idle connections
_DESCRIPTORS = 8192  # 1,000 connections of each face, and looks at peers
_DRAIN = 13.0  # seconds that answers under way are waited for at the end; a look at a peer takes 12.5

Faces = dict[str, Callable[[], Conversation]]


class Daemon:
    """Connections of all faces, from the first to the last."""

    def __init__(self, settings: Settings, places: Places, record: Record, prober: Prober) -> None:
        self._record = record
        self._open: set[Conversation] = set()
        self._counts: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self._keeper = self._kept(settings, places)
        self.faces = self._faces(settings, places, prober)

    async def serve(self, sockets: dict[str, socket.socket], ended: asyncio.Event) -> None:
        """Answer until `ended`, then let those who wait have their answer."""
        loop = asyncio.get_running_loop()
        if self._keeper is not None:
            await self._keeper.ready()
        for name, listening in sockets.items():
            # Not create_unix_server: since Python 3.13 it removes the path at the end, and the sockets are systemd's.
            self._servers.append(await loop.create_server(self.faces[name], sock=listening, backlog=_BACKLOG))
        supervision.notify("READY=1\nSTATUS=answering")
        sweeping = asyncio.create_task(self._sweep())
        await ended.wait()
        sweeping.cancel()
        supervision.notify("STOPPING=1")
        await self._drain()
        if self._keeper is not None:
            self._keeper.close()

    def admit(self, conversation: Conversation) -> bool:
        if self._counts[conversation.face] >= _MOST:
            self._record.event("too_many_connections", face=conversation.face)
            return False
        self._open.add(conversation)
        self._counts[conversation.face] += 1
        return True

    def left(self, conversation: Conversation) -> None:
        if conversation in self._open:
            self._open.discard(conversation)
            self._counts[conversation.face] -= 1

    def malformed(self, face: str, why: str) -> None:
        self._record.event("malformed", face=face, why=why)

    def failed(self, face: str, error: BaseException) -> None:
        self._record.error(face, error)

    async def _sweep(self) -> None:
        """Close what has been idle for long; tell systemd that the loop still turns."""
        wanted = supervision.watchdog_seconds()
        every = min(_SWEEP, wanted / 3) if wanted else _SWEEP
        while True:
            now = time.monotonic()
            for conversation in [one for one in self._open if not one.busy and now - one.heard > one.idle]:
                conversation.abort()
            supervision.notify("WATCHDOG=1")
            await asyncio.sleep(every)

    async def _drain(self) -> None:
        for server in self._servers:
            server.close()
        until = asyncio.get_running_loop().time() + _DRAIN
        while self._open and asyncio.get_running_loop().time() < until:
            for conversation in [one for one in self._open if not one.busy]:
                conversation.close()
            await asyncio.sleep(0.02)

    def _kept(self, settings: Settings, places: Places) -> Keeper | None:
        """The red list; None where there is no directory of mailboxes, so nobody to protect. Its threads tell of
        trouble through the loop, whose journal is nobody else's."""
        if settings.houses is None:
            return None
        loop = asyncio.get_running_loop()

        def trouble(where: str, why: str) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(partial(self._record.event, "redlist_trouble", where=where, why=why))

        return keeper.begun(settings.houses, places.correspondents, trouble)

    def _faces(self, settings: Settings, places: Places, prober: Prober) -> Faces:
        held = knowledge(settings, places)
        held.space()  # a large list takes a third of a second to be opened, which nobody need wait for
        ocsp = settings.revocation.ocsp
        inquiry = Inquiry(ocsp, settings.proxy, held.authorities, self._record) if ocsp else None
        desk = Desk(held, self._record, inquiry)
        redlist = RedListDesk(desk, self._keeper) if self._keeper else None
        peers = Peers(desk, prober, settings.away)
        meters = Meters(desk, peers, places, settings.certificate, self._counts)
        return {
            "policy": partial(PolicyFace, self, desk, redlist),
            "map": partial(SocketmapFace, self, peers),
            "milter": partial(MilterFace, self, desk, redlist),
            "auth": partial(AuthFace, self, desk, settings.relay),
            "metrics": partial(MetricsFace, self, meters.page),
        }


def main(argv: list[str]) -> int:
    """``trust-daemon [--config FILE] [--state DIR] [--sockets DIR]``; 0 after SIGTERM, 1 when it cannot begin."""
    options = _options(argv)
    try:
        settings = layout.settings(options.config)
        sockets = supervision.made(options.sockets) if options.sockets else supervision.given()
        if not sockets:
            raise SupervisionError("no sockets: systemd passes them (vaguemestre-trust.socket), or give --sockets DIR")
        key = options.key or _credential()
        prober = Prober(settings.mail_host, settings.certificate if key else None, key, options.resolver)
        turns = Turns()
        with asyncio.Runner(loop_factory=turns.loop) as runner:
            return runner.run(_run(settings, Places(options.state), sockets, prober, turns))
    except (layout.LayoutError, SupervisionError, AuthorityError, OSError) as error:
        print(f"trust-daemon: {error}", file=sys.stderr)
        return 1


async def _run(
    settings: Settings, places: Places, sockets: dict[str, socket.socket], prober: Prober, turns: Turns
) -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _DESCRIPTORS), most))
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    journal = Journal(sys.stdout.fileno(), loop, turns)
    record = Record(journal)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        loop.set_exception_handler(lambda _, context: _unforeseen(record, context))
        daemon = Daemon(settings, places, record, prober)
        # What is there now stays: the collector need not look at it again, nor at all for each few hundred decisions.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        record.event("started", pid=os.getpid(), faces=sorted(sockets))
        await daemon.serve(sockets, ended)
        record.event("ended")
    finally:
        journal.close()
    return 0


def _unforeseen(record: Record, context: dict[str, object]) -> None:
    error = context.get("exception")
    record.error("loop", error if isinstance(error, BaseException) else RuntimeError(str(context.get("message"))))


def knowledge(settings: Settings, places: Places) -> Knowledge:
    """What the host holds, by its settings. Raises OSError, AuthorityError: no usable authorities."""
    return Knowledge(
        authorities(settings.authorities.read_bytes()),
        RecalledListing(ListingStore(places.listing, settings.white_list.alarm)),
        RecalledRevocations(RevocationStore(places.revocation, settings.revocation.grace)),
        frozenset(settings.own_domains),
    )


def _credential() -> Path | None:
    """Our own private key, as systemd hands it over (LoadCredential=, systemd.exec(5))."""
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / "tls.key"
    return path if path.exists() else None


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="host.pyz trust-daemon", description="Answers nginx and Postfix: who may write to whom, and why not."
    )
    parser.add_argument("--config", type=Path, default=layout.SETTINGS, help=f"settings ({layout.SETTINGS})")
    parser.add_argument("--state", type=Path, default=layout.STATE, help=f"lists and revocation ({layout.STATE})")
    parser.add_argument("--sockets", type=Path, help="make the sockets in this folder, when systemd does not pass them")
    parser.add_argument("--key", type=Path, help="our private key, for peers that ask (systemd's credential tls.key)")
    parser.add_argument("--resolver", metavar="ADDRESS:PORT", help="ask this DNS server (those of /etc/resolv.conf)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
