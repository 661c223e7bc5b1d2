"""The process in which pyinfra lives. gevent must patch the standard library before anything else is imported, so
pyinfra cannot share a process with the command line; they talk by JSON lines on pipes, and secrets go no other way.

In, one object a line:
  {"do": "open", "targets": [Target...], "timeout": seconds}      connect to all of them, at once
  {"do": "run", "host": NAME, "command": TEXT, "stdin": BASE64}   on a connection that is open, or is opened again
  {"do": "bootstrap", "hosts": {NAME: bootstrap.Wanted...}, "timeout": seconds}
  end of input: finish what is under way, then leave.
Out, one object a line, `host` in each:
  {"event": "line", "text": TEXT}                      one line of the command's standard output, as it comes
  {"event": "step", "text": TEXT}                      what bootstrap is doing
  {"event": "ran", "code": CODE, "stderr": TEXT}       the command ended (a command's last event)
  {"event": "bootstrapped", "changed": [TEXT...]}      bootstrap ended (its last event)
  {"event": "failed", "trouble": TROUBLE, "message": TEXT}   instead of the two above
Texts are UTF-8 with surrogate escapes, so bytes survive.
"""

# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()

import base64
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import IO, Any

import gevent
from gevent.fileobject import FileObjectPosix
from gevent.lock import RLock

from vaguemestre.engines.session import Session
from vaguemestre.engines.trouble import Trouble, TroubleError


class Child:
    """The connections of one run, each with its own greenlet for what it is asked to do."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._lock = RLock()
        self._sessions: dict[str, Session] = {}
        self._busy: list[gevent.Greenlet[..., None]] = []

    def tell(self, host: str, event: str, **more: object) -> None:
        """One event to the command line, whole and at once."""
        with self._lock:
            self._out.write(json.dumps({"host": host, "event": event, **more}) + "\n")
            self._out.flush()

    def do(self, order: dict[str, Any]) -> None:
        """Start what is ordered; the answers come as events."""
        match order.pop("do"):
            case "open":
                self._sessions |= Session.all(**order)
            case "run":
                self._spawn(self._run, **order)
            case "bootstrap":
                self._spawn(self._bootstrap, **order)

    def finish(self) -> None:
        gevent.joinall(self._busy)
        for session in self._sessions.values():
            session.close()

    def _spawn(self, work: Any, **order: Any) -> None:
        self._busy.append(gevent.spawn(work, **order))

    def _run(self, host: str, command: str, stdin: str) -> None:
        try:
            lines = self._sessions[host].run(command, base64.b64decode(stdin), lambda text: self._line(host, text))
            self.tell(host, "ran", code=lines.code, stderr=lines.stderr)
        except TroubleError as error:
            self.tell(host, "failed", trouble=error.trouble, message=str(error))
        except Exception as error:  # a host's surprise must never take the other hosts down
            self.tell(host, "failed", trouble=Trouble.LOST, message=f"{type(error).__name__}: {error}")

    def _step(self, host: str, text: str) -> None:
        self.tell(host, "step", text=text)

    def _line(self, host: str, text: str) -> None:
        self.tell(host, "line", text=text)

    def _bootstrap(self, hosts: Mapping[str, Mapping[str, Any]], timeout: int) -> None:
        from vaguemestre.engines.bootstrap import Wanted, bootstrap  # pyinfra's operations: slow to import, and rare

        targets = {name: self._sessions[name].target for name in hosts}
        wanted = {name: Wanted(**one) for name, one in hosts.items()}
        for name, outcome in bootstrap(targets, wanted, self._step, timeout):
            self._sessions[name].close()  # the next command connects as the kit's own user
            if isinstance(outcome, TroubleError):
                self.tell(name, "failed", trouble=outcome.trouble, message=str(outcome))
            else:
                self.tell(name, "bootstrapped", changed=list(outcome))


def _own_streams() -> tuple[IO[str], IO[str]]:
    """Our pipes, kept from whatever a library prints: standard output becomes standard error for everybody else."""
    out = os.dup(1)
    os.dup2(2, 1)
    return (
        FileObjectPosix(0, "r", encoding="utf-8"),
        FileObjectPosix(out, "w", encoding="utf-8"),
    )


def main() -> None:
    for name in ("pyinfra", "paramiko"):  # what they log is said by our events, better
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    orders, out = _own_streams()
    child = Child(out)
    for line in orders:
        child.do(json.loads(line))
    child.finish()


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # paramiko's listeners would otherwise delay the end
