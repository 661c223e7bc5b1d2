"""One short question to many hosts at once, each by an `ssh` of its own: OpenSSH's client, no engine.

The pyinfra door is for work: it keeps connections, prepares bare hosts, asks again. What only looks at a host, and
often, goes this way: a client starts in a hundredth of a second, and a thousand hosts take no more memory than a few.
"""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from vaguemestre.engines import refusal
from vaguemestre.engines.openssh import host_key_options
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble, TroubleError

AT_ONCE = 32  # clients: enough to wait for many hosts, few enough for two cores and for sshd's of a lab
CONNECT = 10  # seconds for a host to take the connection
PATIENCE = 60.0  # seconds for all of the question
_DEAD_AFTER = 4  # times five seconds without an answer: the link is cut
_MOST = 32 << 20  # bytes of an answer
_SSH_FAILED = 255  # ssh(1), EXIT STATUS
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/=]+")


@dataclass(frozen=True)
class Question:
    """A shell command for one host; nothing secret is in it."""

    target: Target
    command: str


@dataclass(frozen=True)
class Answered:
    """What came of it, and between which moments (Unix time)."""

    target: Target
    outcome: Ran | Failure
    asked: float
    received: float


def ask(
    questions: Iterable[Question],
    stdin: bytes = b"",
    *,
    at_once: int = AT_ONCE,
    patience: float = PATIENCE,
) -> Iterator[Answered]:
    """Ask them all, `at_once` at a time, giving each the same `stdin`; answers come as they are there.

    A host that refuses our user is asked whether it only waits for its first contact. No host takes longer than twice
    `patience`.
    """
    refused: list[Answered] = []
    for one in _asked(questions, stdin, at_once, patience):
        if isinstance(one.outcome, Failure) and _may_be_bare(one):
            refused.append(one)
        else:
            yield one
    first = {one.target.name: one for one in refused}
    knocks = [Question(replace(one.target, user=one.target.bootstrap_user), "true") for one in refused]
    for knock in _asked(knocks, b"", at_once, patience):
        one = first[knock.target.name]
        admitted = isinstance(knock.outcome, Ran) and knock.outcome.code == 0
        yield replace(one, outcome=_failure(refusal.bare(one.target))) if admitted else one


def arguments(question: Question) -> list[str]:
    """The client's command line: nobody is asked anything, nothing is forwarded, host keys are the inventory's."""
    way = question.target
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": f"{CONNECT}",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": f"{_DEAD_AFTER}",
        "ControlPath": "none",
        "ControlMaster": "no",
        "ClearAllForwardings": "yes",
        "UpdateHostKeys": "no",
        "LogLevel": "ERROR",
    }
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    key = ["-i", way.key] if way.key else []
    port, user = ["-p", f"{way.port}"], ["-l", way.user]
    return ["ssh", "-T", "-a", "-x", *given, *host_key_options(way), *key, *port, *user, way.address, question.command]


@dataclass
class _Client:
    """One that is under way."""

    target: Target
    process: subprocess.Popen[bytes]
    asked: float
    until: float
    said: dict[int, list[bytes]]
    size: int = 0
    late: bool = False
    open: set[int] = field(default_factory=set)


def _asked(questions: Iterable[Question], stdin: bytes, at_once: int, patience: float) -> Iterator[Answered]:
    waiting = iter(questions)
    with _handed_out(stdin) as path, selectors.DefaultSelector() as watched:
        running: list[_Client] = []
        try:
            while True:
                while len(running) < at_once and (question := next(waiting, None)):
                    running.append(_start(question, path, patience, watched))
                if not running:
                    return
                _listen(watched, running)
                for client in [one for one in running if not one.open]:
                    running.remove(client)
                    yield _answered(client)
        finally:
            for client in running:
                client.process.kill()
                client.process.wait()


@contextmanager
def _handed_out(stdin: bytes) -> Iterator[str]:
    """A file in memory with what each client reads, each from its beginning (memfd_create(2))."""
    descriptor = os.memfd_create("question")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(stdin)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _start(question: Question, stdin: str, patience: float, watched: selectors.BaseSelector) -> _Client:
    asked = time.time()
    with open(stdin, "rb") as given:  # noqa: PTH123 - not a path of the disk
        process = subprocess.Popen(
            arguments(question),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    client = _Client(question.target, process, asked, time.monotonic() + patience, {})
    for stream in (process.stdout, process.stderr):
        assert stream  # noqa: S101 - pipes were asked for
        os.set_blocking(stream.fileno(), False)
        watched.register(stream, selectors.EVENT_READ, client)
        client.said[stream.fileno()] = []
        client.open.add(stream.fileno())
    return client


def _listen(watched: selectors.BaseSelector, running: list[_Client]) -> None:
    """Take in what has come, and end what has had its time."""
    now = time.monotonic()
    for key, _ in watched.select(max(0.0, min(one.until for one in running) - now)):
        client: _Client = key.data
        chunk = os.read(key.fd, 1 << 16)
        client.said[key.fd].append(chunk)
        client.size += len(chunk)
        if not chunk:
            watched.unregister(key.fileobj)
            client.open.discard(key.fd)
    for client in running:
        if client.open and (time.monotonic() > client.until or client.size > _MOST):
            client.late = True
            client.until = time.monotonic() + 1
            client.process.kill()  # its pipes end with it


def _answered(client: _Client) -> Answered:
    process = client.process
    code = process.wait()
    assert process.stdout and process.stderr  # noqa: S101, PT018 - pipes were asked for
    stdout, stderr = (b"".join(client.said[one.fileno()]) for one in (process.stdout, process.stderr))
    process.stdout.close()
    process.stderr.close()
    outcome = _outcome(client, code, stdout, stderr)
    return Answered(client.target, outcome, client.asked, time.time())


def _outcome(client: _Client, code: int, stdout: bytes, stderr: bytes) -> Ran | Failure:
    if client.late:
        return _failure(refusal.unreachable(client.target, "it took the connection and gave no answer in time"))
    if code != _SSH_FAILED:
        return Ran(stdout, stderr, code)
    return _failure(_trouble(client.target, stdout, stderr.decode(errors="replace").strip()))


def _trouble(target: Target, stdout: bytes, said: str) -> TroubleError:
    """What ssh(1) means by what it says; its words for these have not changed in twenty years."""
    if "IDENTIFICATION HAS CHANGED" in said:
        found = _FINGERPRINT.search(said)
        return refusal.changed_key(target, found[0] if found else "")
    if "Host key verification failed" in said:
        return refusal.unknown_key(target)
    if "Permission denied" in said or "Too many authentication failures" in said:
        return refusal.refused(target) if target.key is None or Path(target.key).exists() else refusal.no_key(target)
    if stdout:
        return refusal.lost(target)
    words = said.splitlines()[-1] if said else "no word of why"
    return refusal.unreachable(target, words.rpartition(f"port {target.port}: ")[2])


def _may_be_bare(one: Answered) -> bool:
    refused = isinstance(one.outcome, Failure) and one.outcome.trouble is Trouble.REFUSED
    return refused and one.target.user != one.target.bootstrap_user


def _failure(error: TroubleError) -> Failure:
    return Failure(error.trouble, str(error))
