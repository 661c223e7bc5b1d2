"""The daemon as a process: killed, ended, starved of room for its log, and with lists that spoil beneath it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from rehearsed_space import OTHERS, OWN, PEER, Running, TrustSpace, dn, identity, trust_space

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made() -> Iterator[TrustSpace]:
    with trust_space() as one:
        yield one


@pytest.fixture
def space(made: TrustSpace) -> TrustSpace:
    made.list_everybody()
    made.revoke()
    return made


def policy(token: str, sender: str) -> bytes:
    return f"request=smtpd_access_policy\nsasl_username={token}\nsender={sender}\npolicy_context=edge\n\n".encode()


def answered(running: Running, token: str, sender: str = f"a@{PEER}") -> str:
    """Accepted, or the reason's code."""
    with closing(running.connect("policy")) as one:
        one.sendall(policy(token, sender))
        answer = one.recv(4096).decode()
    return "accepted" if answer == "action=DUNNO\n\n" else answer.rpartition("[")[2].partition("]")[0]


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def test_another_list_is_in_force_within_a_second_without_a_restart(space: TrustSpace) -> None:
    token = identity(space, space.peer).token
    with space.daemon() as running:
        assert answered(running, token) == "accepted"
        space.list([(OWN, dn(space.ours)), (OTHERS, dn(space.other))])
        until(lambda: answered(running, token) == "VGM-201", 1)
        space.list_everybody()
        until(lambda: answered(running, token) == "accepted", 1)


def test_a_daemon_that_just_started_names_operators_as_the_list_writes_them(space: TrustSpace) -> None:
    with space.daemon() as running:
        assert answered(running, identity(space, space.other).token, f"a@{OTHERS}") == "accepted"
        assert running.lines()[-1]["dn"].startswith("CN=mx.ailleurs.test,")


def test_a_revocation_is_in_force_within_a_second_in_a_session_that_goes_on(space: TrustSpace) -> None:
    token = identity(space, space.peer).token
    with space.daemon() as running, closing(running.connect("policy")) as one:
        one.sendall(policy(token, f"a@{PEER}"))
        assert b"DUNNO" in one.recv(4096)
        space.revoke(space.peer.leaf.serial_number)
        time.sleep(0.5)
        one.sendall(policy(token, f"a@{PEER}"))
        assert b"550 5.7.1" in one.recv(4096)


def spoil(folder: Path, how: str) -> None:
    """Spoil the database in force."""
    file = (folder / "current").resolve()
    file.chmod(0o640)
    if how == "cut":
        os.truncate(file, file.stat().st_size // 2)
    elif how == "altered":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
    elif how == "gone":
        file.unlink()
    else:
        file.write_bytes(b"<html>403</html>")


@pytest.mark.parametrize("how", ["cut", "altered", "gone", "rubbish"])
def test_a_spoilt_list_defers_and_a_good_one_mends_it(space: TrustSpace, how: str) -> None:
    token = identity(space, space.peer).token
    with space.daemon() as running:
        assert answered(running, token) == "accepted"
        spoil(space.places.listing, how)
        until(lambda: answered(running, token) == "VGM-212", 1)
        assert answered(running, token, "a@dehors.example") == "VGM-212"
        space.list([(PEER, dn(space.peer)), (OTHERS, dn(space.peer))])
        until(lambda: answered(running, token) == "accepted", 4)


@pytest.mark.parametrize("how", ["cut", "altered", "gone", "rubbish"])
def test_spoilt_revocation_defers(space: TrustSpace, how: str) -> None:
    token = identity(space, space.peer).token
    with space.daemon() as running:
        assert answered(running, token) == "accepted"
        spoil(space.places.revocation, how)
        until(lambda: answered(running, token) == "VGM-108", 1)


def test_a_daemon_without_any_list_defers(space: TrustSpace) -> None:
    token = identity(space, space.peer).token
    spoil(space.places.listing, "gone")
    with space.daemon() as running:
        assert answered(running, token) == "VGM-212"


def test_the_end_waits_for_nobody_idle_and_reports_itself(space: TrustSpace) -> None:
    running = space.start()
    with closing(running.connect("policy")), closing(running.connect("milter")):
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 3
    assert running.lines()[-1]["event"] == "ended"


def test_what_is_asked_when_the_end_comes_is_still_answered(space: TrustSpace) -> None:
    """A look at a peer takes a while; the list knows this one, DNS does not."""
    running = space.start("--resolver", "127.0.30.254:5399")
    with closing(running.connect("map", 20)) as one:
        key = f"tls {PEER}".encode()
        one.sendall(b"%d:%s," % (len(key), key))
        time.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        assert b"TEMP 4.4.3" in one.recv(4096)
    assert running.process.wait(10) == 0


def test_with_dns_dead_and_a_hundred_deliveries_waiting_the_other_faces_stay_fast(space: TrustSpace) -> None:
    waiting = [f"muet-{number}.mssante.test" for number in range(100)]
    space.list([(PEER, dn(space.peer)), *((name, dn(space.other)) for name in waiting)])
    token = identity(space, space.peer).token
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as dead:
        dead.bind(("127.0.0.1", 0))
        running = space.start("--resolver", f"127.0.0.1:{dead.getsockname()[1]}")
        held = [running.connect("map", 20) for _ in waiting]
        for one, name in zip(held, waiting, strict=True):
            one.sendall(b"%d:tls %s," % (4 + len(name), name.encode()))
        began = time.monotonic()
        assert {answered(running, token) for _ in range(100)} == {"accepted"}
        assert time.monotonic() - began < 2
        answers = [one.recv(4096) for one in held]
        assert all(b"TEMP 4.4." in answer for answer in answers)
        assert time.monotonic() - began < 15
        for one in held:
            one.close()
        running.stop()


def test_a_log_that_nobody_reads_holds_nobody_up_and_loses_no_count(space: TrustSpace) -> None:
    """A pipe takes 64 KiB, then the daemon's own buffer takes 4 MiB; what finds no room is told when there is room."""
    token = identity(space, space.peer).token
    sender = f"{'a' * 60}@{'x' * 60}.{'y' * 60}.{'z' * 60}.{PEER}"
    with space.starting(stdout=subprocess.PIPE) as running:
        with closing(running.connect("policy")) as one:
            for _ in range(60):
                one.sendall(policy(token, sender) * 250)
                answers = b""
                while answers.count(b"\n\n") < 250:
                    answers += one.recv(1 << 20)
        assert running.process.stdout is not None
        told: list[bytes] = []
        reader = threading.Thread(target=lambda: told.extend(running.process.stdout or []), daemon=True)
        reader.start()
        time.sleep(0.5)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
        reader.join(5)
    lines = [json.loads(line) for line in told]
    dropped = sum(line.get("lines", 0) for line in lines if line.get("event") == "log_dropped")
    assert dropped > 0
    assert sum("verdict" in line for line in lines) + dropped >= 15_000


def test_of_what_a_killed_daemon_has_answered_only_the_last_is_not_told(space: TrustSpace) -> None:
    token = identity(space, space.peer).token
    running = space.start()
    before = len(running.lines())
    with closing(running.connect("policy")) as one:
        for _ in range(50):
            one.sendall(policy(token, f"a@{PEER}"))
            assert one.recv(4096)
    running.process.kill()
    running.process.wait()
    assert len(running.lines()) - before >= 49


def test_a_killed_daemon_loses_no_question_and_never_accepts_wrongly(space: TrustSpace) -> None:
    """As under systemd, the sockets outlive the daemon: connections wait in them for the next one."""
    good, bad = identity(space, space.peer).token, identity(space, space.other).token
    sockets = space.listening()
    running = space.start_with(sockets)
    answers: list[tuple[str, bytes]] = []
    ended = threading.Event()

    def ask() -> None:
        """As Postfix: on a lost connection, once more on a new one."""
        while not ended.is_set():
            for token in (good, bad):
                while not (answer := one_answer(running.folder / "policy", policy(token, f"a@{PEER}"))):
                    pass
                answers.append((token, answer))

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    for _ in range(2):
        time.sleep(0.3)
        running.process.kill()
        running.process.wait()
        before = len(answers)
        running = space.start_with(sockets)
        until(lambda so_far=before: len(answers) > so_far + 20, 10)
    ended.set()
    for thread in asking:
        thread.join(10)
    running.stop()
    for one in sockets:
        one.close()
    assert {answer for token, answer in answers if token == good} == {b"action=DUNNO\n\n"}
    assert all(b"[VGM-202]" in answer for token, answer in answers if token == bad)


def one_answer(path: Path, question: bytes) -> bytes:
    with closing(socket.socket(socket.AF_UNIX)) as one, suppress(OSError):
        one.settimeout(15)
        one.connect(str(path))
        one.sendall(question)
        return one.recv(4096)
    return b""


def test_a_thousand_connections_of_one_face_leave_the_others_free(space: TrustSpace) -> None:
    with space.daemon() as running:
        held = [running.connect("milter") for _ in range(900)]
        extra = [running.connect("milter") for _ in range(110)]
        assert answered(running, identity(space, space.peer).token) == "accepted"
        assert extra[-1].recv(10) == b""
        for one in (*held, *extra):
            one.close()


def test_it_says_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vaguemestre.host.trust.daemon", "--config", str(tmp_path / "none.json")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert "none.json" in run.stderr
    assert "vaguemestre apply" in run.stderr


def test_it_stays_small(space: TrustSpace) -> None:
    with space.daemon() as running:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        assert int(status.split("VmRSS:")[1].split()[0]) < 60_000  # kB; the bench has the real size
