"""What travels: one command, one stream in, JSON lines out. The loader is run for real, against a folder."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
import zipfile

import pytest

from vaguemestre.engines import wire
from vaguemestre.release import Credential, File, Release

SECRET = b"a secret of some length"
RELEASE = Release.of(
    "host.test",
    "trixie",
    [("role", File("/etc/x", "é".encode())), ("role", Credential("/etc/key", "tls.key", "0" * 16))],
)


def test_no_secret_is_on_the_command_line_and_no_release() -> None:
    words = shlex.split(wire.command("apply"))
    assert words[:2] == ["sudo", "-n"]
    assert words[-1] == "apply"
    assert SECRET.decode() not in wire.command("apply")


def test_an_argument_cannot_break_out_of_the_command() -> None:
    assert shlex.split(wire.command("rollback", "x; reboot", sudo=False))[-1] == "x; reboot"


def test_the_activator_runs_from_the_stream_alone_and_answers() -> None:
    """Here there is no such verb; a wrong path, a missing module or a torn archive would not get that far."""
    python, *options = shlex.split(wire.command("dance", sudo=False))
    done = subprocess.run([sys.executable, *options], input=wire.payload(), capture_output=True, check=False)
    assert (python, done.returncode) == ("/usr/bin/python3", 2)
    assert b"usage: activate VERB" in done.stderr


def test_the_archive_is_the_same_each_time_and_holds_only_what_a_host_needs() -> None:
    wire.bundle.cache_clear()
    first = wire.bundle()
    wire.bundle.cache_clear()
    assert wire.bundle() == first
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert "vaguemestre/host/activate.py" in names
    assert not [name for name in names if "engines" in name or "pydantic" in name]


def test_a_release_arrives_as_it_was_sent() -> None:
    from vaguemestre.host.activate import _came

    payload = wire.payload(RELEASE, {"tls.key": SECRET})
    size, _, rest = payload.partition(b"\n")
    came = _came(rest[int(size) :])
    assert (came["document"], came["secrets"]) == (RELEASE.document(), {"tls.key": SECRET})


def line(**event: object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def test_steps_are_passed_on_and_the_result_ends_the_answer() -> None:
    steps: list[str] = []
    change = {"kind": "file", "key": "/etc/x", "action": "create", "diff": None}
    lines = [
        b"Warning: the motd of some host\n",
        line(event="step", text="judging"),
        line(event="result", result="plan", release="a", live=None, changes=[change]),
    ]
    result = wire.read(lines, steps.append)
    assert steps == ["judging"]
    assert result == wire.PlanResult("a", None, (wire.Change("file", "/etc/x", "create"),))


def test_a_failure_is_a_result_like_any_other() -> None:
    told = {"phase": "judge", "message": "no", "restored": True, "live": "a"}
    assert wire.read([line(event="result", result="failed", **told)]) == wire.Failed("judge", "no", True, "a")


def test_a_stream_without_a_result_says_what_came_instead() -> None:
    with pytest.raises(wire.WireError, match="python3: command not found"):
        wire.read([b"bash: /usr/bin/python3: command not found\n"])


def test_a_result_from_an_activator_of_another_time_is_refused() -> None:
    with pytest.raises(wire.WireError, match="unknown result: dance"):
        wire.read([line(event="result", result="dance")])
