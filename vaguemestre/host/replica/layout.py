"""Where a replica's settings and state are on a host, and what the settings say.

``/etc/vaguemestre/replica.json`` is rendered by role openldap. State is root's::

    /var/lib/vaguemestre-replica/
        memory.json    when each branch was last seen to be the provider's
        forget         while it is there, slapd starts with no mailbox of ours
        metrics.prom   for Prometheus
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaguemestre.host.mailboxes.store import NATIONAL, SUFFIX
from vaguemestre.host.replica.standing import Limits

SETTINGS = Path("/etc/vaguemestre/replica.json")
STATE = Path("/var/lib/vaguemestre-replica")
MEMORY, FORGET, METRICS = "memory.json", "forget", "metrics.prom"

REPLICATOR = f"cn=replicator,{SUFFIX}"
"""Who a replica is to its provider, known by its certificate; an identity without an entry."""

# What is followed: a word for people -> the entry that bears its contextCSN.
BRANCHES = {"mailboxes": SUFFIX, "national": NATIONAL}


@dataclass(frozen=True)
class Settings:
    """All of replica.json: the provider's name, what proves both to each other, slapd's files, the limits."""

    provider: str
    anchors: Path
    certificate: Path
    key: Path
    database: Path
    configuration: Path
    limits: Limits


def settings(path: Path = SETTINGS) -> Settings:
    """What role openldap wrote.

    Raises:
        OSError, ValueError, KeyError: it is not there, or not whole.
    """
    known: dict[str, Any] = json.loads(path.read_text())
    files = {name: Path(known[name]) for name in ("anchors", "certificate", "key", "database", "configuration")}
    return Settings(provider=known["provider"], **files, limits=Limits(known["alarm_seconds"], known["forget_seconds"]))
