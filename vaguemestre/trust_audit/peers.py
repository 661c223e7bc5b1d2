"""The audit's peers, where they are: on the world host of the lab that is up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from vaguemestre.errors import Exit
from vaguemestre.lab import Lab
from vaguemestre.lab.case import Case
from vaguemestre.lab.plan import WORLD_NAME
from vaguemestre.trust_audit.errors import AuditError
from vaguemestre.trust_audit.evidence import Event, Reply, events, replies

_RECORD, _OUTSIDE = "/var/lib/peers/record.jsonl", "/var/lib/outside/received.jsonl"
_PATIENCE = 240.0  # seconds, for all the sessions of one operator


@dataclass(frozen=True)
class Peers:
    """They are told by `send` whom to write to, and keep a record of whatever reaches them."""

    lab: Lab
    since: float

    @classmethod
    def of(cls, lab: Lab) -> Peers:
        """Those of this lab, from now on.

        Raises:
            AuditError: the lab is not up, or was made without peers.
        """
        if lab.state() is None:
            raise AuditError(f"lab {lab.name} is not up\n    vaguemestre lab up, then vaguemestre apply", Exit.FAILED)
        serving = lab.exec(WORLD_NAME, ["systemctl", "is-active", "--quiet", "peers.service"])
        if serving.returncode:
            raise AuditError(f"lab {lab.name} has no audit peers at work\n    vaguemestre lab up", Exit.FAILED)
        return cls(lab, time.time())

    def address(self, case: Case) -> IPv4Address:
        """Where this case's peer writes from."""
        state = self.lab.state()
        assert state is not None  # noqa: S101 - it was there in `of`, and is only replaced as a whole
        return state.network.network_address + case.hosts[0].part

    def send(self, run: str, operator: str, domain: str, recipient: str, cases: Sequence[Case]) -> tuple[Reply, ...]:
        """Have these cases' peers write to the operator at this address; what they were answered.

        Raises:
            AuditError: the sender program itself failed.
        """
        slugs = [case.slug for case in cases]
        argv = ["/usr/bin/python3", "/opt/lab/send.py", run, operator, domain, recipient, *slugs]
        sent = self.lab.exec(WORLD_NAME, argv, timeout=_PATIENCE)
        if sent.returncode:
            raise AuditError(f"the peers could not write:\n{sent.stderr.decode(errors='replace')}", Exit.FAILED)
        return replies(sent.stdout.decode())

    def record(self, client: str) -> tuple[Event, ...]:
        """What reached the peers from this client since the audit began."""
        read = self.lab.exec(WORLD_NAME, ["cat", _RECORD]).stdout.decode(errors="replace")
        return tuple(one for one in events(read) if one.time >= self.since and one.client == client)

    def outside(self) -> str:
        """All that ever left the trust space: nothing, when all is well."""
        return self.lab.exec(WORLD_NAME, ["cat", _OUTSIDE]).stdout.decode(errors="replace")
