"""One instance of the lab: a rehearsal trust space of booted hosts on this machine."""

import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from ipaddress import IPv4Address, IPv4Network
from datetime import UTC, datetime
from typing import NoReturn

from vaguemestre.lab.aptcache import AptCache
from vaguemestre.lab.certificates import ensure_authority, ensure_certificate
from vaguemestre.lab.engine import Engine
from vaguemestre.lab.errors import LabError
from vaguemestre.lab.guests import Guests, Host, answers_ssh
from vaguemestre.lab.hosts import guest_host, world_data, world_host
from vaguemestre.lab.images import Images
from vaguemestre.lab.keys import ensure_key, known_host
from vaguemestre.lab.network import Network
from vaguemestre.lab.places import Places, short_hash
from vaguemestre.lab.plan import GATEWAY, OUTSIDE, WORLD, WORLD_NAME, Guest, Plan, check_instance
from vaguemestre.lab.process import Progress, Result, last_words, lock
from vaguemestre.lab.state import GuestStatus, State, load_plan, load_state, save_plan, save_state
from vaguemestre.lab.zone import Zone
from vaguemestre.pki.authority import Authority


class Lab:
    """An instance, by name. Every method raises LabError with the cause and the way out."""

    def __init__(self, name: str, places: Places) -> None:
        self.name = check_instance(name)
        self.places = places
        self.home = places.instance(name)
        self.engine = Engine(places)
        self.network = Network(self.engine, name)
        self.guests = Guests(self.engine, name)
        self.cache = AptCache(places)

    @classmethod
    def open(cls, name: str = "lab") -> "Lab":
        """The instance of this name, up or not."""
        return cls(name, Places.of_machine())

    def state(self) -> State | None:
        """What the last `up` left, or None."""
        return load_state(self.home / "state.json")

    def up(self, plan: Plan, progress: Progress) -> State:
        """Make the instance what the plan says: boots what is missing, leaves alone what is right, removes what is no longer named."""
        plan.check()
        begun = time.monotonic()
        self.engine.open()
        with self._locked(progress):
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.cache.open(progress)
            moved = self._place(plan, progress)
            authority = self._certificates(moved, progress)
            hosts = self._hosts(moved, authority, progress)
            changed = self._boot(hosts, moved, progress)
            self._feed_world(moved, authority, changed)
            self._await(hosts, changed, progress)
            state = self._conclude(moved)
        progress(f"lab {self.name} is up on {state.network}: {len(state.guests)} guests, {time.monotonic() - begun:.1f} s")
        return state

    def down(self, *, purge: bool = False, progress: Progress = lambda _: None) -> None:
        """Remove the instance and all it holds, whatever state it was left in; with `purge` the images and packages too."""
        self.engine.open()
        with self._locked(progress):
            progress(f"removing lab {self.name}")
            for container in self.engine.containers(self.name):
                self.engine.remove(container["Id"])
            self.network.close()
            shutil.rmtree(self.home, ignore_errors=True)
        self._leave(purge, progress)

    def status(self) -> list[GuestStatus]:
        """Every host as it is now, the world host first; empty when the lab is not up."""
        state = self.state()
        if state is None:
            return []
        self.engine.open()
        made = self.guests.digests()
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
        inside = self.engine.inside(argv)
        os.execvpe(inside[0], inside, self.engine.environment())  # noqa: S606

    def kill(self, guest: str) -> None:
        """Cut a guest's power."""
        self._known(guest)
        self.guests.kill(guest)

    def start(self, guest: str) -> None:
        """Give a guest its power back and wait for its sshd; its disk is as it was."""
        address = self._known(guest)
        self.guests.start(guest)
        self.guests.wait(guest, address, running=False)

    def reset(self, guest: str) -> None:
        """Make a guest as it was before its first boot, and boot it; all that was on it is lost."""
        address = self._known(guest)
        with self._locked(lambda _: None):
            plan = load_plan(self.home / "plan.json")
            assert plan is not None  # noqa: S101 - a lab that has a state has a plan
            hosts = self._hosts(plan, ensure_authority(self.home / "authority"), lambda _: None)
            self._discard(guest)
            self._boot_one(next(host for host in hosts if host.name == guest), plan, None)
            self.guests.wait(guest, address, running=True)

    def cut(self, guest: str) -> None:
        """Drop all network traffic of a guest until `mend`."""
        self._known(guest)
        self.network.cut(guest)

    def mend(self, guest: str) -> None:
        """Restore a guest's network."""
        self._known(guest)
        self.network.mend(guest)

    def _known(self, guest: str) -> IPv4Address:
        state = self.state()
        if state is None:
            raise LabError(f"lab {self.name} is not up: run `vaguemestre lab up`")
        addresses = {WORLD_NAME: state.world, **{g.name: g.address for g in state.guests}}
        if guest not in addresses:
            raise LabError(f"lab {self.name} has no guest {guest!r}; it has {', '.join(sorted(addresses))}")
        return addresses[guest]

    def _locked(self, progress: Progress) -> AbstractContextManager[None]:
        return lock(self.places.state / f"{self.name}.lock", progress, f"lab {self.name}")

    def _place(self, plan: Plan, progress: Progress) -> Plan:
        """Choose the network, keeping the one in use, and write down what is about to be built."""
        with lock(self.places.cache / "network.lock", progress, "the networks"):
            kept = load_plan(self.home / "plan.json")
            network = self.network.open(kept.network if kept and self._asked() == plan.network else plan.network)
            moved = plan.moved(network)
            save_plan(self.home / "plan.json", moved)
            (self.home / "asked").write_text(str(plan.network))
        if network != plan.network:
            progress(f"{plan.network} is in use on this machine: the lab is on {network} instead")
        return moved

    def _asked(self) -> IPv4Network | None:
        note = self.home / "asked"
        return IPv4Network(note.read_text()) if note.exists() else None

    def _certificates(self, plan: Plan, progress: Progress) -> Authority:
        authority = ensure_authority(self.home / "authority")
        (self.home / "secrets").mkdir(mode=0o700, exist_ok=True)
        made = [r.host for r in plan.certificates if ensure_certificate(authority, r, self.home / "secrets")]
        if made:
            progress(f"issued {len(made)} test certificates")
        (self.home / "anchors.pem").write_bytes(authority.anchors_pem())
        return authority

    def _hosts(self, plan: Plan, authority: Authority, progress: Progress) -> list[Host]:
        images = Images(self.engine, self.cache, progress)
        kinds = sorted({(guest.debian, guest.image) for guest in plan.guests})
        built = {kind: images.guest(*kind, plan.packages) for kind in kinds}
        hosts = [world_host(plan, images.world(), self.home, authority)]
        for guest in plan.guests:
            hosts.append(guest_host(guest, plan, built[guest.debian, guest.image], self.home, self.cache.url))
        return hosts

    def _boot(self, hosts: list[Host], plan: Plan, progress: Progress) -> set[str]:
        """Make the containers what they should be; gives the names of those made or started."""
        made = self.guests.digests()
        for name in made.keys() - {host.name for host in hosts}:
            progress(f"removing {name}: the plan no longer names it")
            self._discard(name)
        changed = {host.name for host in hosts if made.get(host.name) != (host.digest, True)}
        for number, host in enumerate((host for host in hosts if host.name in changed), start=1):
            progress(f"booting {host.name} ({number}/{len(changed)})")
            self._boot_one(host, plan, made.get(host.name))
        return changed

    def _boot_one(self, host: Host, plan: Plan, made: tuple[str, bool] | None) -> None:
        if made and made[0] != host.digest:
            self._discard(host.name)
        self.network.plug(host.name, host.addresses, plan.network, self.cache.address)
        if not made or made[0] != host.digest:
            self.guests.create(host, str(self.network.namespace(host.name)))
        if host.data:
            self.guests.put(host.name, host.data)
        self.guests.start(host.name)

    def _discard(self, name: str) -> None:
        self.guests.remove(name)
        self.network.unplug(name)

    def _feed_world(self, plan: Plan, authority: Authority, changed: set[str]) -> None:
        """Give the world host its zone and a CRL of today, once a day and whenever they change."""
        today = datetime.now(UTC).date().isoformat()
        digest = short_hash(Zone.of(plan).text(), str(authority.issuing.leaf.serial_number), today)
        note = self.home / "world"
        if WORLD_NAME not in changed and not (note.exists() and note.read_text() == digest):
            self.guests.put(WORLD_NAME, world_data(plan, authority))
            reloaded = self.guests.exec(WORLD_NAME, ["systemctl", "reload", "nsd"])
            if reloaded.returncode:
                raise LabError(f"the lab's DNS does not take its new zone:\n{last_words(reloaded)}")
        note.write_text(digest)

    def _await(self, hosts: list[Host], changed: set[str], progress: Progress) -> None:
        waiting = [host for host in hosts if host.name in changed]
        if not waiting:
            return
        progress(f"waiting for {len(waiting)} hosts to come up")
        with ThreadPoolExecutor(max_workers=16) as pool:
            list(pool.map(lambda host: self.guests.wait(host.name, host.addresses[0], running=True), waiting))

    def _conclude(self, plan: Plan) -> State:
        """Write down who is who and what is up."""
        world = plan.at(WORLD)
        people = [(WORLD_NAME, world), *((guest.name, guest.address) for guest in plan.guests)]
        keys = {name: ensure_key(self.home / "hosts" / name / "ssh_host_ed25519_key", name) for name, _ in people}
        known = self.home / "known_hosts"
        known.write_text("".join(known_host(name, address, keys[name]) for name, address in people))
        state = State(
            name=self.name,
            network=plan.network,
            gateway=plan.at(GATEWAY),
            world=world,
            outside=plan.at(OUTSIDE),
            resolver=world,
            apt_proxy=self.cache.url,
            ssh_key=self.home / "ssh" / "id_ed25519",
            known_hosts=known,
            secrets=self.home / "secrets",
            anchors=self.home / "anchors.pem",
            authority=self.home / "authority",
            guests=plan.guests,
        )
        save_state(self.home / "state.json", state)
        return state

    def _leave(self, purge: bool, progress: Progress) -> None:
        """Stop what all instances share when this was the last one."""
        with lock(self.places.cache / "network.lock", progress, "the networks"):
            (self.places.state / f"{self.name}.lock").unlink(missing_ok=True)
            if self.engine.containers():
                return
            self.cache.close()
            if purge:
                progress("removing images and cached packages")
                self.engine.podman("rmi", "--all", "--force", check=False)
            self.engine.close()
        if purge:
            shutil.rmtree(self.places.cache, ignore_errors=True)
