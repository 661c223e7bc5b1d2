"""The trust daemon's faces in numbers: decisions a second and how long one takes, with a list of the nation's size or
a store of a million rows.

The daemon is a process of its own on one core, the client one on another; both go before whatever else these cores
have to do, where that is allowed (sched(7), SCHED_RR). At saturation a few connections ask anew as soon as they are
answered. At an offered rate, questions come when they are due, answered or not, and the time until the answer counts
from when they were due. Half of the questions are spread over the whole list, so what was asked lately helps little.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import quote

from benchmark.measure import FailedError
from vaguemestre.host.trust.authorities import Authorities, authorities
from vaguemestre.host.trust.dn import key, text_of
from vaguemestre.host.trust.domains import DomainError, domain
from vaguemestre.host.trust.layout import Places
from vaguemestre.host.trust.revocation import RevocationList
from vaguemestre.host.trust.signed import SignerFacts
from vaguemestre.host.trust.store import write_listing, write_revocations
from vaguemestre.host.trust.values import Identity
from vaguemestre.host.trust.whitelist import Entry, WhiteList

ENTRIES = 8655  # as many as the national list had in June 2026
ROWS = 1_000_000
CONNECTIONS = 8
AIM = 15_000  # policy decisions a second
_SHARE = 0.5  # of what was reached at saturation: a rate that leaves the daemon time
_WAITING = 64  # connections, at an offered rate
_OPERATOR = "clinique-bench.mssante.test"
_OWN = "ch-bench.mssante.test"

Ask = Callable[[int], bytes]
"""The question of this number."""


@dataclass(frozen=True)
class Load:
    """One face under load: decisions a second, seconds of CPU one takes, and seconds until the answer.

    `offered` is how many questions came a second, or 0 when one came for each answer.
    """

    face: str
    rate: float
    cpu: float
    median: float
    late: float  # 99 of a hundred are faster
    offered: int = 0


@dataclass(frozen=True)
class Space:
    """What the daemon reads, and who asks it."""

    folder: Path
    token: str
    pem: bytes
    domains: tuple[str, ...]


def make(folder: Path, rows: int) -> Space:
    """A list of `rows` pairs and as many revoked certificates; of the nation's shape as far as that goes."""
    from vaguemestre.lab.listing import national_size
    from vaguemestre.pki.authority import Authority, CertificateRequest

    authority = Authority.create()
    issued = authority.issue(CertificateRequest("mx.bench.test", "CLINIQUE", "Eure (27)", "1199000002"))
    (folder / "national.pem").write_bytes(authority.anchors_pem())
    (folder / "trust.json").write_text(json.dumps(_settings(folder)))
    held, name = authorities(authority.anchors_pem()), text_of(issued.leaf.subject)
    lines = [(line.domain, line.dn) for line in national_size(min(rows, ENTRIES), 1)]
    lines += [(f"d{number}.grand.mssante.test", lines[number % 300][1]) for number in range(rows - len(lines))]
    _list(Places(folder), [(_OPERATOR, name), (_OWN, name), *lines])
    _revoke(Places(folder), held, rows)
    until = int(issued.leaf.not_valid_after_utc.timestamp())
    token = Identity(key(name), held.issuing[0].key, issued.leaf.serial_number, until).token
    return Space(folder, token, issued.leaf_pem(), tuple(line[0] for line in lines))


def measured(space: Space, seconds: float) -> tuple[list[Load], int]:
    """Each face under load for `seconds`, and the daemon's memory afterwards, in bytes."""
    draw = Random(1)  # noqa: S311 - to be drawn again
    some = [draw.choice(space.domains) for _ in range(50_000)]
    with _daemon(space.folder) as process:
        sockets, loads, policy = space.folder / "run", [], _policy(space, some)
        _kept(process, "policy", sockets / "policy", policy, 1)
        loads.append(_kept(process, "policy", sockets / "policy", policy, seconds))
        for rate in (int(loads[0].rate * _SHARE), AIM):
            time.sleep(2)  # what came before must not count: such a process has 0.95 of any second (sched(7))
            loads.append(_offered(process, "policy", sockets / "policy", policy, rate, seconds))
        loads.append(_kept(process, "transport map", sockets / "map", _transport(some), seconds))
        loads.append(_kept(process, "milter, a message", sockets / "milter", _milter(space), seconds, _offer()))
        loads.append(_each(process, "auth_http, a session", sockets / "auth", _auth(space), seconds))
        status = Path(f"/proc/{process.pid}/status").read_text()
        return loads, int(status.split("VmRSS:")[1].split()[0]) * 1024


def _policy(space: Space, domains: list[str]) -> Ask:
    """Every other sender is the operator's own; the rest are somebody else's, all over the list."""
    before = (
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nhelo_name=mx.bench.test\nqueue_id=\n"
        f"recipient=b@{_OWN}\nrecipient_count=0\nclient_address=192.0.2.1\nclient_name=mx.bench.test\n"
        "reverse_client_name=mx.bench.test\ninstance=1a2b.3c4d.5e6f.0\nsasl_method=XCLIENT\nsasl_sender=\nsize=12345\n"
        "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\n"
        "encryption_cipher=\nencryption_keysize=0\netrn_domain=\nstress=\nclient_port=34567\nserver_address=127.0.0.1\n"
        "server_port=10025\ncompatibility_level=3.9\nmail_version=3.10.13\npolicy_context=edge\n"
    )
    own = f"{before}sasl_username={space.token}\nsender=a@{_OPERATOR}\n\n".encode()
    others = [f"{before}sasl_username={space.token}\nsender=a@{name}\n\n".encode() for name in domains]
    return lambda number: own if number % 2 else others[number // 2 % len(others)]


def _transport(domains: list[str]) -> Ask:
    keys = [f"transport a@{name}".encode() for name in domains]
    asked = [b"%d:%s," % (len(one), one) for one in keys]
    return lambda number: asked[number % len(asked)]


def _packet(command: str, data: bytes = b"") -> bytes:
    return (1 + len(data)).to_bytes(4, "big") + command.encode() + data


def _offer() -> bytes:
    return _packet("O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF))


def _milter(space: Space) -> Ask:
    headers = ("Received", "Message-ID", "Date", "To", "Subject", "MIME-Version", "Content-Type", "X-Mailer")
    told = _packet("D", b"M{auth_authen}\0" + space.token.encode() + b"\0")
    told += _packet("M", f"<a@{_OPERATOR}>\0SIZE=1\0".encode())
    told += b"".join(_packet("L", f"{name}\0{'text ' * 12}\0".encode()) for name in headers)
    told += _packet("L", f"From\0Docteur A <a@{_OPERATOR}>\0".encode()) + _packet("N")
    return lambda number: (_packet("A") if number else b"") + told


def _auth(space: Space) -> Ask:
    lines = ["GET /auth HTTP/1.0", "Host: localhost", "Auth-Method: none", "Auth-User: ", "Auth-Pass: "]
    lines += ["Auth-Protocol: smtp", "Auth-Login-Attempt: 1", "Client-IP: 192.0.2.7", "Auth-SMTP-Helo: mx.bench.test"]
    lines += [f"Auth-SMTP-From: MAIL FROM:<a@{_OPERATOR}> SIZE=3", f"Auth-SMTP-To: RCPT TO:<b@{_OWN}>", "Auth-SSL: on"]
    lines += ["Auth-SSL-Verify: SUCCESS", f"Auth-SSL-Cert: {quote(space.pem.decode())}", "", ""]
    asked = "\r\n".join(lines).encode()
    return lambda _: asked


def _kept(
    process: subprocess.Popen[bytes], face: str, path: Path, ask: Ask, seconds: float, greeting: bytes = b""
) -> Load:
    """Connections that stay, a question at a time on each."""
    ready, took, number = select.epoll(), [], 0
    begun: dict[int, float] = {}
    held = {one.fileno(): one for one in (_connected(path) for _ in range(CONNECTIONS))}
    for descriptor, one in held.items():
        if greeting:
            one.sendall(greeting)
            one.recv(4096)
        ready.register(descriptor, select.EPOLLIN)
        begun[descriptor] = time.perf_counter()
        one.sendall(ask(0))
    cpu, started = _cpu(process), time.perf_counter()
    while time.perf_counter() - started < seconds:
        for descriptor, _ in ready.poll(5):
            if not held[descriptor].recv(4096):
                raise FailedError(f"the daemon hung up on {face}")
            now = time.perf_counter()
            took.append(now - begun[descriptor])
            begun[descriptor], number = now, number + 1
            held[descriptor].sendall(ask(number))
    lasted, cpu = time.perf_counter() - started, _cpu(process) - cpu
    for one in held.values():
        one.close()
    return _load(face, took, lasted, cpu)


def _offered(process: subprocess.Popen[bytes], face: str, path: Path, ask: Ask, rate: int, seconds: float) -> Load:
    """So many questions a second, whether the answers keep up or not."""
    ready, took, number = select.epoll(), [], 0
    held = {one.fileno(): one for one in (_connected(path) for _ in range(_WAITING))}
    for descriptor in held:
        ready.register(descriptor, select.EPOLLIN)
    due: dict[int, float] = {}
    free = list(held)
    cpu, started = _cpu(process), time.perf_counter()
    now = started
    while now - started < seconds:
        while free and (at := started + number / rate) <= now:
            descriptor = free.pop()
            due[descriptor], number = at, number + 1
            held[descriptor].sendall(ask(number))
        select.select((ready,), (), (), max(0.0, started + number / rate - now) if free else 5)
        for descriptor, _ in ready.poll(0):
            if not held[descriptor].recv(4096):
                raise FailedError(f"the daemon hung up on {face}")
            took.append(time.perf_counter() - due[descriptor])
            free.append(descriptor)
        now = time.perf_counter()
    lasted, cpu = now - started, _cpu(process) - cpu
    for one in held.values():
        one.close()
    return replace(_load(face, took, lasted, cpu), offered=rate)


def _each(process: subprocess.Popen[bytes], face: str, path: Path, ask: Ask, seconds: float) -> Load:
    """A connection for each question, as nginx makes them."""
    took: list[float] = []
    cpu, started = _cpu(process), time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        held = [_connected(path) for _ in range(CONNECTIONS)]
        for one in held:
            one.sendall(ask(0))
        for one in held:
            if b"Auth-Status: OK" not in one.recv(4096):
                raise FailedError("the daemon refused what is allowed")
            one.close()
            took.append(time.perf_counter() - now)
    return _load(face, took, time.perf_counter() - started, _cpu(process) - cpu)


def _load(face: str, took: list[float], seconds: float, cpu: float) -> Load:
    took.sort()
    return Load(face, len(took) / seconds, cpu / len(took), took[len(took) // 2], took[len(took) * 99 // 100])


def _connected(path: Path) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.connect(str(path))
    return one


def _cpu(process: subprocess.Popen[bytes]) -> float:
    """Seconds of CPU so far (proc(5), fields utime and stime)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "vaguemestre.host.trust.daemon", "--config", str(folder / "trust.json")]
    command += ["--state", str(folder), "--sockets", str(folder / "run")]
    cores = sorted(os.sched_getaffinity(0))
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        _placed(process.pid, cores[-1])
        _placed(0, cores[0])
        try:
            _await(folder / "run" / "metrics", process)
            yield process
        finally:
            process.terminate()
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            os.sched_setaffinity(0, cores)


def _placed(process: int, core: int) -> None:
    """On this core, and there before others: else it is they that are measured."""
    os.sched_setaffinity(process, {core})
    with suppress(PermissionError):
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(1))


def _await(path: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is None and path.exists():
            time.sleep(0.5)
            return
        time.sleep(0.1)
    raise FailedError("the daemon does not start")


def _list(places: Places, lines: list[tuple[str, str]]) -> None:
    now, keys = datetime.now(UTC), {}
    entries = []
    for name, written in lines:
        try:
            entries.append(Entry(domain(name), written, keys.setdefault(written, None) or key(written), "", None))
        except DomainError:
            continue
        keys[written] = entries[-1].key
    signer = SignerFacts("alb", "CN=alb", 1, b"", now - timedelta(days=1), now + timedelta(days=90))
    write_listing(places.listing, WhiteList(now, tuple(entries), signer, "0" * 64), confirmed=now)


def _revoke(places: Places, held: Authorities, rows: int) -> None:
    now = datetime.now(UTC)
    serials = frozenset((1 << 120) + number for number in range(rows))
    lists = [
        RevocationList(
            one.key, one.name, 1, now, now + timedelta(days=7), serials if one in held.issuing else frozenset()
        )
        for one in held.all
    ]
    write_revocations(places.revocation, lists)


def _settings(folder: Path) -> dict[str, object]:
    source = {"url": "", "anchors": str(folder / "national.pem"), "signer": "", "every_seconds": 3600}
    limits = {"max_bytes": 1, "max_removed_percent": 5, "max_changed_percent": 5}
    times = {"alarm_seconds": 86400, "page_seconds": 259200}
    return {
        "own_domains": [_OWN],
        "authorities": str(folder / "national.pem"),
        "white_list": source | limits | times,
        "revocation": {"crl": [], "ocsp": None, "every_seconds": 3600, "grace_seconds": 14400},
        "certificate": str(folder / "chain.pem"),
        "mail_host": "mail.bench.test",
        "relay": ["127.0.0.1", 10025],
        "postmaster": f"postmaster@{_OWN}",
        "notify": ["127.0.0.1", 10587],
        "metrics": ["127.0.0.1", 9125],
    }
