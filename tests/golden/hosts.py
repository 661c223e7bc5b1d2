"""The hosts whose rendered trees are kept here; role tests and the daemons' own test use them too.

No lab and no store of secrets is needed: versions of secrets are fixed, and so is the host's runtime, which would
otherwise change a tree with every change of its sources.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml

from vaguemestre import inventory, runtime, synthesis
from vaguemestre.context import Context
from vaguemestre.release import File, Probe, Release, Unit

HERE = Path(__file__).parent
NAMES = ("smallest", "fullest")
OLDER = ("bookworm",)  # hosts of Debian 12, whose daemons read another language than those of NAMES
SECRETS = {"annuaire.key": "00112233445566cc", "tls.key": "00112233445566aa", "tls.pem": "00112233445566bb"}


@cache
def contexts(name: str) -> tuple[Context, ...]:
    """The contexts of every host of an inventory, in rollout order."""
    fleet = inventory.read(HERE / "inventories" / name)
    return tuple(replace(synthesis.context(fleet, *pair), secrets=SECRETS) for pair in fleet.hosts())


def context(name: str, host: str) -> Context:
    """The context of the host whose name starts with `host`."""
    return next(one for one in contexts(name) if one.host.name.startswith(host))


def tree(name: str) -> dict[str, str]:
    """Path below ``tests/golden/<name>`` -> text: for each host its files and an index of all that is no text."""
    drawn: dict[str, str] = {}
    for one in contexts(name):
        release = synthesis.synthesise(one)
        drawn[f"{release.host}.yml"] = _index(release)
        drawn |= {f"{release.host}{file.path}": _text(file) for file in release.files}
    return drawn


def _text(file: File) -> str:
    return "The host's runtime, see vaguemestre/runtime.py.\n" if file.path == runtime.PATH else file.content.decode()


def _index(release: Release) -> str:
    index = {
        "debian": str(release.debian),
        "packages": {one.name: [" ".join(answer) for answer in one.debconf] for one in release.packages},
        "accounts": {one.name: f"{one.home} {one.shell} {','.join(one.groups)}".strip() for one in release.accounts},
        "directories": {one.path: f"{one.owner}:{one.group} {one.mode:04o}" for one in release.directories},
        "files": {
            one.path: f"{one.owner}:{one.group} {one.mode:04o} by {release.authors[one.path]}" for one in release.files
        },
        "credentials": {
            one.path: f"{one.owner}:{one.group} {one.mode:04o} by {release.authors[one.path]}: {one.secret}"
            for one in release.credentials
        },
        "units": {one.name: _unit(one) for one in release.units},
    }
    return yaml.safe_dump(index, sort_keys=False, width=200, allow_unicode=True)


def _unit(unit: Unit) -> str | dict[str, object]:
    if unit.masked:
        return "masked"
    described = {
        "on change": unit.on_change,
        "inputs": list(unit.inputs),
        "restart on": list(unit.restart_on),
        "judges": [" ".join(argv) for argv in unit.judges],
        "probes": [_probe(one) for one in unit.probes],
    }
    return {what: value for what, value in described.items() if value}


def _probe(probe: Probe) -> str:
    what = " ".join(probe.command) or f"{probe.address} port {probe.port} {probe.expect}".strip()
    return f"{what} within {probe.seconds} s"
