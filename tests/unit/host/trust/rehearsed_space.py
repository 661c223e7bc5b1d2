"""A small trust space on the disk (authority, list, revocation lists, settings) and a daemon that reads it."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vaguemestre.host.trust.authorities import authorities
from vaguemestre.host.trust.dn import key, text_of
from vaguemestre.host.trust.layout import Places
from vaguemestre.host.trust.revocation import crl
from vaguemestre.host.trust.signed import SignerFacts
from vaguemestre.host.trust.store import write_listing, write_revocations
from vaguemestre.host.trust.supervision import made
from vaguemestre.host.trust.values import Identity
from vaguemestre.host.trust.whitelist import Entry, WhiteList
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.profiles import OTHER

OWN = "ch-ici.mssante.test"
PEER = "clinique-la-bas.mssante.test"
OTHERS = "labo-ailleurs.mssante.test"


@dataclass
class TrustSpace:
    """Everything a daemon reads, below `root`. `peer` is listed for PEER, `other` for OTHERS, `ours` for OWN."""

    root: Path
    authority: Authority
    foreign: Authority
    ours: Issued
    peer: Issued
    other: Issued
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.root / "trust.json"

    @property
    def places(self) -> Places:
        return Places(self.root / "state")

    @property
    def key(self) -> Path:
        return self.root / "tls.key"

    def list(self, pairs: Iterable[tuple[str, str]], *, confirmed: datetime | None = None) -> None:
        """Put a list in force: domains with the DNs, as text, that speak for them."""
        now = datetime.now(UTC)
        entries = tuple(Entry(domain, dn, key(dn), "", None) for domain, dn in pairs)
        signer = SignerFacts("alb", "CN=alb", 1, b"", now - timedelta(days=1), now + timedelta(days=90))
        write_listing(self.places.listing, WhiteList(now, entries, signer, "0" * 64), confirmed=confirmed or now)

    def list_everybody(self) -> None:
        self.list([(OWN, dn(self.ours)), (PEER, dn(self.peer)), (OTHERS, dn(self.other))])

    def revoke(self, *serials: int) -> None:
        """Put revocation lists in force that name these certificates."""
        now, held = datetime.now(UTC), authorities(self.authority.anchors_pem())
        lists = (self.authority.crl(serials), self.authority.root_crl())
        write_revocations(self.places.revocation, [crl(one, held, now) for one in lists])

    def forget_revocation(self) -> None:
        shutil.rmtree(self.places.revocation, ignore_errors=True)

    def write_settings(self, **changes: Any) -> None:
        self.extra.update(changes)
        (self.root / "national.pem").write_bytes(self.authority.anchors_pem())
        (self.root / "chain.pem").write_bytes(self.ours.chain_pem())
        self.key.touch(mode=0o600)
        self.key.write_bytes(self.ours.key_pem())
        self.config.write_text(json.dumps(_settings(self.root) | self.extra))

    @contextmanager
    def daemon(self) -> Iterator[Running]:
        """The daemon as a process of its own, ready to answer; ended by SIGTERM."""
        running = self.start()
        try:
            yield running
        finally:
            running.stop()

    def start(self, *options: str) -> Running:
        folder = self.root / "run"
        shutil.rmtree(folder, ignore_errors=True)
        with self.log.open("ab") as out:
            process = subprocess.Popen([*self._command(), "--sockets", str(folder), *options], stdout=out, stderr=out)
        return Running(process, folder, self.log).ready()

    @contextmanager
    def starting(self, stdout: int) -> Iterator[Running]:
        """The daemon with another place for its log, which nobody looks at."""
        folder = self.root / "run"
        shutil.rmtree(folder, ignore_errors=True)
        with subprocess.Popen([*self._command(), "--sockets", str(folder)], stdout=stdout) as process:
            running = Running(process, folder, None)
            try:
                yield running.ready()
            finally:
                process.kill()

    def listening(self) -> list[socket.socket]:
        """The sockets, as systemd holds them."""
        folder = self.root / "held"
        shutil.rmtree(folder, ignore_errors=True)
        return [one for name, one in made(folder).items() if name != "metrics"]

    def start_with(self, sockets: Sequence[socket.socket]) -> Running:
        """The daemon with sockets passed to it from descriptor 3 on, for its process id (sd_listen_fds(3))."""
        numbers = [one.fileno() for one in sockets]
        moves = "import fcntl,os,sys;n=eval(sys.argv[1]);h=[fcntl.fcntl(i,fcntl.F_DUPFD,100) for i in n];"
        moves += "[os.dup2(i,3+k) for k,i in enumerate(h)];os.environ.update(LISTEN_FDS=str(len(n)),"
        moves += "LISTEN_PID=str(os.getpid()));os.execv(sys.argv[2],sys.argv[2:])"
        command = [sys.executable, "-c", moves, repr(numbers), *self._command()]
        with self.log.open("ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, pass_fds=numbers)
        return Running(process, self.root / "held", self.log)

    @property
    def log(self) -> Path:
        return self.root / "log"

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "vaguemestre.host.trust.daemon", "--config", str(self.config)]
        return [*command, "--state", str(self.places.root), "--key", str(self.key)]


@dataclass
class Running:
    """A daemon that runs; `folder` has its sockets, `log` what it wrote."""

    process: subprocess.Popen[bytes]
    folder: Path
    log: Path | None

    def ready(self) -> Running:
        """Itself, once it answers."""
        until = time.monotonic() + 15
        while time.monotonic() < until and self.process.poll() is None:
            with closing(socket.socket(socket.AF_UNIX)) as one:
                one.settimeout(5)
                if one.connect_ex(str(self.folder / "metrics")) == 0:
                    one.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                    if one.recv(10):
                        return self
            time.sleep(0.02)
        raise AssertionError(f"the daemon does not answer: {self.log.read_text() if self.log else ''}")

    def connect(self, face: str, seconds: float = 5.0) -> socket.socket:
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(self.folder / face))
        one.settimeout(seconds)
        return one

    def lines(self) -> list[dict[str, Any]]:
        """What was logged until now; waits a moment for the last batch."""
        assert self.log is not None
        time.sleep(0.12)
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def trust_space() -> Iterator[TrustSpace]:
    """A space of its own in a folder with a short name: paths of Unix sockets have 107 characters at most."""
    authority, foreign = Authority.create(), Authority.create(OTHER)
    with tempfile.TemporaryDirectory(prefix="vgm-trust-") as folder:
        space = TrustSpace(
            Path(folder),
            authority,
            foreign,
            authority.issue(request("mail.ch-ici.test", "CH D'ICI")),
            authority.issue(request("mx.la-bas.test", "CLINIQUE LA BAS", "199000002")),
            authority.issue(request("mx.ailleurs.test", "LABO AILLEURS", "199000003")),
        )
        space.write_settings()
        space.list_everybody()
        space.revoke()
        yield space


def request(host: str, organisation: str, structure: str = "199000001") -> CertificateRequest:
    return CertificateRequest(host, organisation, "Eure (27)", f"1{structure}")


def dn(issued: Issued) -> str:
    return text_of(issued.leaf.subject)


def identity(space: TrustSpace, issued: Issued) -> Identity:
    """Whom `issued` proves, as the session's beginning would have it."""
    issuer = authorities(space.authority.anchors_pem()).issuing[0]
    leaf = issued.leaf
    return Identity(key(dn(issued)), issuer.key, leaf.serial_number, int(leaf.not_valid_after_utc.timestamp()))


def _settings(root: Path) -> dict[str, Any]:
    return {
        "own_domains": [OWN],
        "authorities": str(root / "national.pem"),
        "white_list": {
            "url": "https://list.world.test/list.xml",
            "anchors": str(root / "national.pem"),
            "signer": "alb.world.test",
            "every_seconds": 3600,
            "max_bytes": 1 << 26,
            "max_removed_percent": 5,
            "max_changed_percent": 10,
            "alarm_seconds": 86400,
            "page_seconds": 259200,
        },
        "revocation": {"crl": [], "ocsp": None, "every_seconds": 3600, "grace_seconds": 14400},
        "proxy": None,
        "certificate": str(root / "chain.pem"),
        "mail_host": "mail.ch-ici.test",
        "relay": ["127.0.0.1", 10025],
        "postmaster": f"postmaster@{OWN}",
        "notify": ["127.0.0.1", 10587],
        "metrics": ["127.0.0.1", 9125],
    }
