"""A thousand sites that are only files, and what plays their hosts at the connection."""

from __future__ import annotations

import json
import shutil
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

from benchmark.stand import MODEL, site

_FIRST = IPv4Address("10.80.0.10")
_SECRETS = ("tls.pem", "tls.key", "annuaire.key")


def write_sites(folder: Path, sites: int) -> None:
    """An inventory of so many full operators, with secrets that are good for their versions alone."""
    shutil.copytree(MODEL / "trust", folder / "trust")
    settings = yaml.safe_load((MODEL / "inventory.yml").read_text())
    del settings["lab"]
    settings["ssh"]["known_hosts"] = "known_hosts"
    (folder / "inventory.yml").write_text(yaml.safe_dump(settings))
    (folder / "known_hosts").touch()
    model = yaml.safe_load((MODEL / "clinique-pasteur-evreux.yml").read_text())
    for number in range(1, sites + 1):
        one = site(model, number, _FIRST + number)
        (folder / f"site-{number}.yml").write_text(yaml.safe_dump(one, allow_unicode=True, sort_keys=False))
        _secrets(folder / "secrets" / one["hosts"][0]["name"])


def _secrets(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    for name in _SECRETS:
        (folder / name).write_text(f"{folder.name} {name}")
        (folder / name).chmod(0o600)


def stand_in(place: Path, delay: float) -> Path:
    """A folder with an `ssh` that takes the question, waits, and answers that all is well."""
    place.mkdir()
    (place / "ssh").write_text(_SSH.replace("DELAY", str(delay)).replace("ANSWER", json.dumps(_ANSWER)))
    (place / "ssh").chmod(0o755)
    return place


_SSH = """#!/bin/sh
for last; do :; done
id=${last##*--expect=}
cat >/dev/null
sleep DELAY
cat <<END
ANSWER
END
"""

_ANSWER: dict[str, Any] = {
    "event": "result",
    "result": "status",
    "live": "$id",
    "expected": "$id",
    "since": "2026-11-20T08:00:00Z",
    "previous": None,
    "drift": [],
    "stale": [],
    "units": {f"unit-{number}.service": "active" for number in range(25)},
    "packages": {f"package-{number}": "1.2.3-4+deb13u1" for number in range(35)},
    "interrupted": False,
    "health": {
        "schema": 1,
        "kit": "",
        "system": {"debian": "13.1", "kernel": "6.12.48", "restart": "", "up": 864000.0},
        "disks": [{"place": place, "used": 0.31, "inodes": 0.05, "free": 64 << 30} for place in ("/", "/var")],
        "failed": [],
        "queue": {"maildrop": 0, "incoming": 0, "active": 1, "deferred": 4, "hold": 0, "corrupt": 0, "oldest": None},
        "certificates": [{"path": "/etc/vaguemestre/tls/chain.pem", "own": True, "until": 4102444800.0}],
        "trust": {
            "list": {"generated": None, "entries": "8655", "signer_until": None, "confirmed": None},
            "revocation": [{"name": "CN=AC", "this_update": 0, "next_update": 4102444800}],
            "quarantine": False,
            "alarms": None,
            "redlist": None,
        },
        "directory": {"held": {"generated": None, "mailboxes": 557000, "waiting": None}, "alarms": None},
        "holder": "",
        "intact": True,
    },
}
