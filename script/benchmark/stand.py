"""Where the measuring is done: a lab of its own with hosts alike, and the inventory that makes operators of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

from vaguemestre import inventory
from vaguemestre.engines.parcel import Parcel, pack
from vaguemestre.engines.targets import Target, select, target
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Guest, Lab
from vaguemestre.overlay import VARIABLE
from vaguemestre.rehearsal import lab_plan

LAB = os.environ.get(VARIABLE) or "bench"
ALONE = "apt.bench.test"
"""The host on which nothing but apt is run."""

MODEL = Path(__file__).resolve().parents[2] / "inventories" / "lab"


def write_inventory(folder: Path, hosts: int) -> None:
    """An inventory of `hosts` establishments with one host each, all like the lab's first."""
    shutil.copytree(MODEL / "trust", folder / "trust")
    shutil.copy(MODEL / "inventory.yml", folder)
    model = yaml.safe_load((MODEL / "clinique-pasteur-evreux.yml").read_text())
    for number in range(1, hosts + 1):
        one = site(model, number, IPv4Address("10.83.27.10") + number)
        text = yaml.safe_dump(one, allow_unicode=True, sort_keys=False)
        (folder / f"site-{number}.yml").write_text(text)


def site(model: dict[str, Any], number: int, address: IPv4Address) -> dict[str, Any]:
    """The establishment `model` under another name, with one host at `address`."""
    domain = f"site-{number}.bench.test"
    host = model["hosts"][0] | {"name": f"mail.{domain}", "address": str(address)}
    person = {"name": "Camille Exemple", "phone": "+33 2 00 00 00 01", "mail": f"camille.exemple@{domain}"}
    return model | {
        "name": f"Site {number}",
        "finess": f"27{number:07d}",
        "wave": 1,
        "domains": [{"name": domain}],
        "hosts": [host],
        "contacts": {"responsible": person, "support": dict(person)},
    }


@dataclass(frozen=True)
class Stand:
    """The lab, the inventory of its hosts, and what each of them is sent."""

    lab: Lab
    fleet: Fleet
    targets: tuple[Target, ...]
    parcels: tuple[Parcel, ...]
    alone: Target

    @classmethod
    def up(cls, folder: Path) -> Stand:
        """Boot the hosts of the inventory in `folder`, all with their packages downloaded and not installed."""
        lab = Lab.open(LAB)
        plan = lab_plan(inventory.read(folder), LAB)
        alone = Guest(ALONE, plan.network.network_address + 250)
        lab.up(replace(plan, guests=(*plan.guests, alone)), print)
        fleet = inventory.load(folder)
        chosen = select(fleet)
        targets = tuple(target(fleet, one, host) for one, host in chosen)
        state = lab.state()
        assert state is not None  # noqa: S101 - it is up
        address = next(str(guest.address) for guest in state.guests if guest.name == ALONE)
        return cls(
            lab=lab,
            fleet=fleet,
            targets=targets,
            parcels=tuple(pack(fleet, one, host) for one, host in chosen),
            alone=replace(targets[0], name=ALONE, address=address),
        )


def ssh(way: Target, command: str, *, user: str = "") -> Sequence[str]:
    """One new SSH session, nothing shared with others, host key checked."""
    options = ("StrictHostKeyChecking=yes", "BatchMode=yes", f"UserKnownHostsFile={way.known_hosts}")
    given = [word for option in options for word in ("-o", option)]
    return ["ssh", "-F", "none", "-i", way.key or "", *given, f"{user or way.user}@{way.address}", command]
