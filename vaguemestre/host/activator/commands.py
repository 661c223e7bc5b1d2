"""Other programs, run by the activator: in one language, with a clean environment, never waited for without end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_UMASK = 0o022  # of other programs; ours is closed, and apt's lists, for one, are for everybody to read


@dataclass(frozen=True)
class Done:
    """A command's exit code and all that it said, both streams together."""

    code: int
    output: str


def run(*command: str, timeout: float = 120, environment: Mapping[str, str] | None = None) -> Done:
    """Run to the end; a missing program and one that never ends are results like any other."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
            env={**_ENVIRONMENT, **(environment or {})},
            umask=_UMASK,
        )
    except OSError as error:
        return Done(127, f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Done(124, f"{command[0]} gave no answer within {timeout:.0f} s")
    return Done(done.returncode, done.stdout.decode(errors="replace").strip())


def follow(command: Sequence[str], environment: Mapping[str, str], line: Callable[[str], None]) -> int:
    """Run to the end, handing over each line that it writes; its exit code."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**_ENVIRONMENT, **environment},
        umask=_UMASK,
    ) as process:
        assert process.stdout  # noqa: S101 - a pipe was asked for
        for raw in process.stdout:
            line(raw.decode(errors="replace").rstrip())
    return process.returncode


def start(*command: str) -> subprocess.Popen[bytes]:
    """Begin, and let the caller read what it says on stdout; what it complains of is nobody's."""
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENVIRONMENT)
