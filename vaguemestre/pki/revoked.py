"""What an authority has revoked, remembered beside its keys."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass
class Revoked:
    """Serial numbers with the time they were revoked at; kept in `file` (JSON) when there is one."""

    file: Path | None = None
    known: dict[int, datetime] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path) -> Revoked:
        """What is remembered in `file`, nothing when it is missing. Raises ValueError when it is spoilt."""
        written = json.loads(file.read_text()) if file.exists() else {}
        return cls(file, {int(serial, 16): datetime.fromisoformat(when) for serial, when in written.items()})

    def add(self, serial: int, when: datetime) -> None:
        """Remember one; the first time counts."""
        self.known.setdefault(serial, when)
        self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        if self.file is None:
            return
        draft = self.file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({f"{serial:x}": when.isoformat() for serial, when in sorted(self.known.items())}))
        draft.replace(self.file)
