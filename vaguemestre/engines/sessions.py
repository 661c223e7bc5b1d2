"""The command line's end of the pyinfra process: orders go in, events come out, one JSON object a line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import VaguemestreError

_ROOT = Path(__file__).parents[2]
_START = "from vaguemestre.engines import pyinfra_child; pyinfra_child.main()"
CONNECT_TIMEOUT = 10  # seconds for a host to take a TCP connection

OnText = Callable[[str, str], None]
"""Called with a host's name and a line of text, as things happen there."""


@dataclass(frozen=True)
class Command:
    """A shell command for one host, with its standard input. Secrets belong in `stdin`, never in `text`."""

    text: str
    stdin: bytes = b""


@dataclass(frozen=True)
class Ran:
    """A command that ended: what it wrote, and its exit code."""

    stdout: bytes
    stderr: bytes
    code: int


@dataclass(frozen=True)
class Failure:
    """A host that could not be dealt with: why, and a whole message for a person."""

    trouble: Trouble
    message: str


def _silent(host: str, text: str) -> None:
    pass


class Sessions:
    """A pyinfra process and its connections with some hosts; use it in a `with` statement.

    The process starts at once, beside whatever the caller does until it knows which hosts to `open`.
    """

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))},
            start_new_session=True,  # Ctrl-C is the command line's business: it ends this process when it has spoken
        )

    def open(self, targets: Sequence[Target]) -> None:
        """Begin to connect to these hosts, side by side; a host's trouble shows when it is asked to run something."""
        self._order({"do": "open", "targets": [one.plain() for one in targets], "timeout": CONNECT_TIMEOUT})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # every answer waited for is in; what a host still does, it finishes by itself
        self._process.communicate()
        self._errors.close()

    def run(self, commands: Mapping[str, Command], on_line: OnText = _silent) -> dict[str, Ran | Failure]:
        """Run each host's command, side by side; `on_line` gets their standard output line by line.

        Raises:
            VaguemestreError: the pyinfra process itself died.
        """
        for host, command in commands.items():
            stdin = base64.b64encode(command.stdin).decode()
            self._order({"do": "run", "host": host, "command": command.text, "stdin": stdin})
        written: dict[str, list[str]] = {host: [] for host in commands}
        ended: dict[str, Ran | Failure] = {}
        for event in self._events(commands):
            match event:
                case {"event": "line", "host": host, "text": text}:
                    written[host].append(text + "\n")
                    on_line(host, text)
                case {"event": "ran", "host": host, "code": code, "stderr": stderr}:
                    ended[host] = Ran(_bytes("".join(written[host])), _bytes(stderr), code)
                case {"event": "failed", "host": host}:
                    ended[host] = _failure(event)
        return {host: ended[host] for host in commands}

    def bootstrap(
        self, hosts: Mapping[str, Mapping[str, Any]], on_step: OnText = _silent
    ) -> dict[str, tuple[str, ...] | Failure]:
        """Prepare these hosts (see `bootstrap.Wanted`); gives what was changed on each."""
        self._order({"do": "bootstrap", "hosts": hosts, "timeout": CONNECT_TIMEOUT})
        ended: dict[str, tuple[str, ...] | Failure] = {}
        for event in self._events(hosts):
            match event:
                case {"event": "step", "host": host, "text": text}:
                    on_step(host, text)
                case {"event": "bootstrapped", "host": host, "changed": changed}:
                    ended[host] = tuple(changed)
                case {"event": "failed", "host": host}:
                    ended[host] = _failure(event)
        return {host: ended[host] for host in hosts}

    def _order(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin  # noqa: S101 - opened above
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _events(self, hosts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Events until each of `hosts` had its last one."""
        waited = set(hosts)
        while waited:
            assert self._process.stdout  # noqa: S101 - opened above
            line = self._process.stdout.readline()
            if not line:
                raise self._died()
            event = json.loads(line)
            if event["event"] in ("ran", "bootstrapped", "failed"):
                waited.discard(event["host"])
            yield event

    def _died(self) -> VaguemestreError:
        self._process.wait()
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip()
        return VaguemestreError(
            f"the process that talks to the hosts ended by itself (code {self._process.returncode}):\n{words}\n"
            "    hosts finish what they had begun; `vaguemestre status` tells"
        )


def _failure(event: Mapping[str, str]) -> Failure:
    return Failure(Trouble(event["trouble"]), event["message"])


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
