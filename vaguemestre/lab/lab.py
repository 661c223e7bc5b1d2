"""One instance of the lab: a rehearsal trust space of booted hosts on this machine."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from typing import NoReturn

from vaguemestre.lab.building import Building
from vaguemestre.lab.certificates import ensure_authority
from vaguemestre.lab.desk import Desk
from vaguemestre.lab.errors import LabError
from vaguemestre.lab.ground import Ground
from vaguemestre.lab.guests import Guests, answers_ssh
from vaguemestre.lab.nation import Nation
from vaguemestre.lab.network import Network
from vaguemestre.lab.places import Places
from vaguemestre.lab.plan import WORLD_NAME, Plan, check_instance
from vaguemestre.lab.process import Progress, Result
from vaguemestre.lab.state import GuestStatus, State, load_placement, load_state


def _silent(_: str) -> None:
    return


class Lab:
    """An instance, by name. Every method raises LabError with the cause and the way out."""

    def __init__(self, name: str, places: Places) -> None:
        self.name = check_instance(name)
        self.home = places.instance(name)
        self.ground = Ground(places)
        self.engine = self.ground.engine
        self.network = Network(self.engine, name)
        self.guests = Guests(self.engine, name)

    @classmethod
    def open(cls, name: str = "lab") -> Lab:
        """The instance of this name, up or not."""
        return cls(name, Places.of_machine())

    def state(self) -> State | None:
        """What the last `up` left, or None."""
        return load_state(self.home / "state.json")

    def up(self, plan: Plan, progress: Progress) -> State:
        """Make the instance what the plan says: boot what is missing, leave what is right, remove what is not named."""
        if plan.name != self.name:
            raise LabError(f"this plan is for lab {plan.name!r}, not {self.name!r}")
        plan.check()
        begun = time.monotonic()
        with self.ground.locked_for(self.name, progress):
            self.ground.enter(self.name, progress)
            self.guests.settle()
            building = self._building(progress)
            moved = building.place(plan)
            nation = building.certify(moved)
            building.boot(building.hosts(moved, nation), moved)
            Desk(nation, self.guests).feed()
            state = building.conclude(moved)
        progress(
            f"lab {self.name} is up on {state.network}: {len(state.guests)} guests, {time.monotonic() - begun:.1f} s"
        )
        return state

    def down(self, *, purge: bool = False, progress: Progress = _silent) -> None:
        """Remove the instance and all it holds, whatever state it was left in; with `purge` images and packages too."""
        with self.ground.locked_for(self.name, progress):
            self.ground.enter(self.name, progress, packages=False)
            self.guests.settle()
            progress(f"removing lab {self.name}")
            containers = [container["Id"] for container in self.engine.containers(self.name)]
            with ThreadPoolExecutor(max_workers=4) as pool:
                list(pool.map(self.engine.remove, containers))
            self.network.close()
            shutil.rmtree(self.home, ignore_errors=True)
            self.ground.leave(self.name, progress, purge=purge)

    def status(self) -> list[GuestStatus]:
        """Every host as it is now, the world host first; empty when the lab is not up."""
        state = self.state()
        if state is None:
            return []
        made = self.guests.digests() if self.engine.holder() else {}
        hosts = [(WORLD_NAME, state.world), *((guest.name, guest.address) for guest in state.guests)]
        with ThreadPoolExecutor(max_workers=16) as pool:
            greets = list(pool.map(lambda host: answers_ssh(host[1]), hosts))
        return [
            GuestStatus(name, address, "absent" if name not in made else "running" if made[name][1] else "stopped", ssh)
            for (name, address), ssh in zip(hosts, greets, strict=True)
        ]

    def exec(self, guest: str, argv: Sequence[str], stdin: bytes = b"", timeout: float | None = None) -> Result:
        """Run a command as root in a guest (or in `world.test`) and give its result, even when its network is cut."""
        self._known(guest)
        return self.guests.exec(guest, argv, stdin, timeout)

    def shell(self, guest: str) -> NoReturn:
        """Replace this process by a root shell in a guest."""
        self._known(guest)
        argv = ["podman", "exec", "--interactive", "--tty", self.guests.container(guest), "bash", "--login"]
        words = [*self.engine.way_in(), *argv]
        os.execvpe(words[0], words, self.engine.environment())  # noqa: S606 - a shell is what was asked for

    def kill(self, guest: str) -> None:
        """Cut a guest's power; it stays off until `start`."""
        self._known(guest)
        self.guests.kill(guest)

    def start(self, guest: str) -> None:
        """Give a guest its power back and wait for its sshd; its disk is as it was."""
        address = self._known(guest)
        self.guests.start(guest)
        self.guests.wait(guest, address, running=False)

    def reset(self, guest: str, progress: Progress = _silent) -> None:
        """Make a guest as it was before its first boot, and boot it; all that was on it is lost."""
        address = self._known(guest)
        with self.ground.locked_for(self.name, progress):
            building = self._building(progress)
            nation = self._nation()
            hosts = building.hosts(nation.plan, nation)
            building.boot_one(next(host for host in hosts if host.name == guest), nation.plan, fresh=True)
            self.guests.wait(guest, address, running=True)

    def cut(self, guest: str) -> None:
        """Drop all network traffic of a guest until `mend`."""
        self._known(guest)
        self.network.cut(guest)

    def mend(self, guest: str) -> None:
        """Restore a guest's network."""
        self._known(guest)
        self.network.mend(guest)

    @property
    def nation(self) -> Desk:
        """The nation's side of an instance that is up: what it revokes, publishes and fails at."""
        self._known(WORLD_NAME)
        return Desk(self._nation(), self.guests)

    def _nation(self) -> Nation:
        placed = load_placement(self.home / "plan.json")
        if placed is None:
            raise LabError(f"lab {self.name} has lost its plan: run `vaguemestre lab up`")
        return Nation(placed.plan, ensure_authority(self.home / "authority"), self.home)

    def _building(self, progress: Progress) -> Building:
        return Building(self.ground, self.home, self.guests, self.network, progress)

    def _known(self, guest: str) -> IPv4Address:
        state = self.state()
        if state is None:
            raise LabError(f"lab {self.name} is not up: run `vaguemestre lab up`")
        addresses = {WORLD_NAME: state.world, **{known.name: known.address for known in state.guests}}
        if guest not in addresses:
            raise LabError(f"lab {self.name} has no guest {guest!r}; it has {', '.join(sorted(addresses))}")
        return addresses[guest]
