"""What is remembered of the latest run: run.json. What keeps runs from being made becomes an alarm when it lasts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from vaguemestre.host.trust import durable

LASTING = timedelta(minutes=30)
"""slapd that is restarted, or a disk that is full for a moment, is nobody's worry."""


@dataclass(frozen=True)
class Memory:
    """Times are ISO texts, UTC. `results` counts outcomes, `halted` says why the nation was left alone.

    `trouble` is what kept the latest run from being made, since `trouble_since`.
    """

    at: str = ""
    results: Mapping[str, int] = field(default_factory=dict)
    halted: str = ""
    left: int = 0
    trouble: str = ""
    trouble_since: str = ""

    def troubled(self, why: str, now: datetime) -> Memory:
        """After a run that could not be made."""
        return replace(self, trouble=why, trouble_since=self.trouble_since or now.isoformat(timespec="seconds"))

    def lasting(self, now: datetime) -> str:
        """The trouble, when it has lasted."""
        if not self.trouble_since or now - datetime.fromisoformat(self.trouble_since) < LASTING:
            return ""
        return self.trouble


def load(path: Path) -> Memory:
    """The latest run; a file that cannot be read is as if there had been none."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        memory = Memory(**told)
        datetime.fromisoformat(memory.trouble_since or memory.at)
        return memory
    except (OSError, ValueError, TypeError):
        return Memory()


def save(path: Path, memory: Memory) -> None:
    """Raises OSError."""
    durable.write(path, json.dumps(asdict(memory), ensure_ascii=False).encode())
