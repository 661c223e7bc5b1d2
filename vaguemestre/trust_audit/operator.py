"""The operator under audit: its host's journal and mail queue, read as an administrator does, over SSH."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from vaguemestre import runtime
from vaguemestre.engines import pyinfra
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.targets import target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit
from vaguemestre.establishment import Fleet
from vaguemestre.trust_audit.errors import AuditError
from vaguemestre.verify.site import Site

_MARK = "---vaguemestre---"


@dataclass(frozen=True)
class Told:
    """What the host tells at one moment; `queued` are recipient and reason of what waits for the audit's peers."""

    trust: str
    nginx: str
    queued: tuple[tuple[str, str, str], ...]  # queue id, recipient, reason


@dataclass(frozen=True)
class Operator:
    """One mail host. Every method is one round trip.

    Raises:
        AuditError: the host could not be reached (exit code 4) or did not do it.
    """

    fleet: Fleet
    site: Site

    def renew(self) -> None:
        """Have it ask for white list and revocation now: the audit is of its rules, not of how often it looks.

        One that cannot is tried with what it holds; its verdicts will tell.
        """
        self._run(f"/usr/bin/python3 {runtime.PATH} trust refresh --now || true")

    def tell(self, since: float, sender: str, *, flush: bool = False) -> Told:
        """Journal since that moment and queue of that sender; with `flush` what waits is tried again at once."""
        at = shlex.quote(f"@{since:.0f}")
        journals = [f"journalctl -q -o cat --since {at} -u {unit}" for unit in ("vaguemestre-trust", "nginx")]
        commands = [*journals, "postqueue -j", *(["postqueue -f"] if flush else [])]
        trust, nginx, queue, *_ = self._run(f"; echo {_MARK}; ".join(commands)).split(f"{_MARK}\n")
        return Told(trust, nginx, tuple(_waiting(queue, sender)))

    def forget(self, ids: tuple[str, ...]) -> None:
        """Take the audit's own messages out of the queue, so that nothing of it stays behind."""
        if ids:
            self._run("postsuper -d -", "\n".join(ids).encode() + b"\n")

    def _run(self, script: str, stdin: bytes = b"") -> str:
        name = self.site.host.name
        sudo = "" if target(self.fleet, self.site.operator, self.site.host).user == "root" else "sudo -n "
        ran = pyinfra.run(self.fleet, (name,), f"{sudo}sh -c {shlex.quote(script)}", stdin)[name]
        if isinstance(ran, Failure):
            away = ran.trouble is not Trouble.FAILED
            raise AuditError(ran.message, Exit.UNREACHABLE if away else Exit.FAILED)
        return ran.stdout.decode(errors="replace")


def _waiting(queue: str, sender: str) -> list[tuple[str, str, str]]:
    """One JSON object a message (postqueue(1))."""
    messages = [json.loads(line) for line in queue.splitlines() if line.startswith("{")]
    return [
        (one["queue_id"], to["address"].lower(), to.get("delay_reason", "waits"))
        for one in messages
        if one["sender"].lower() == sender.lower()
        for to in one["recipients"]
    ]
