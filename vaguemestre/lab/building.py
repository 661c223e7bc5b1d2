"""The steps of `up`: each looks at what is there, and does only what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vaguemestre.lab.certificates import ensure_authority, ensure_certificate
from vaguemestre.lab.ground import Ground
from vaguemestre.lab.guests import Guests, Host
from vaguemestre.lab.hosts import guest_host, world_host
from vaguemestre.lab.images import Images
from vaguemestre.lab.keys import ensure_key, known_host
from vaguemestre.lab.nation import Nation
from vaguemestre.lab.network import Network
from vaguemestre.lab.plan import GATEWAY, OUTSIDE, WORLD, WORLD_NAME, Plan
from vaguemestre.lab.process import Progress
from vaguemestre.lab.registry import ensure_key_of_interface
from vaguemestre.lab.state import Placement, State, load_placement, save_placement, save_state


class Building:
    """One run of `up`, or of `reset`, for one instance."""

    def __init__(self, ground: Ground, home: Path, guests: Guests, network: Network, progress: Progress) -> None:
        self.ground = ground
        self.home = home
        self.guests = guests
        self.network = network
        self.progress = progress

    def place(self, plan: Plan) -> Plan:
        """Choose the network, keeping the one in use, and write down what is about to be built before it is."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = load_placement(self.home / "plan.json")
        with self.ground.locked(self.progress):
            known = kept is not None and kept.asked.network == plan.network
            network = self.network.open(kept.network if kept and known else plan.network)
        save_placement(self.home / "plan.json", Placement(plan, network))
        if network != plan.network and not known:
            self.progress(f"{plan.network} is in use on this machine: the lab is on {network} instead")
        return plan.moved(network)

    def certify(self, plan: Plan) -> Nation:
        """Make the authority, the anchors and the certificates that are missing or no longer serve."""
        authority = ensure_authority(self.home / "authority")
        secrets = self.home / "secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)
        made = [request.host for request in plan.certificates if ensure_certificate(authority, request, secrets)]
        if made:
            self.progress(f"issued {len(made)} test certificates")
        for request in plan.certificates:
            ensure_key_of_interface(secrets / request.host)
        (self.home / "anchors.pem").write_bytes(authority.anchors_pem())
        nation = Nation(plan, authority, self.home)
        for serial in nation.provided().revoked:
            authority.revoke(serial)
        return nation

    def hosts(self, plan: Plan, nation: Nation) -> list[Host]:
        """The hosts of a plan, their images built where missing; the world host first."""
        images = Images(self.ground.engine, self.ground.cache, self.progress)
        kinds = sorted({(guest.debian, guest.image) for guest in plan.guests})
        built = {kind: images.guest(*kind, plan.packages) for kind in kinds}
        url = self.ground.cache.url
        guests = [guest_host(g, plan, built[g.debian, g.image], self.home, url) for g in plan.guests]
        return [world_host(nation, images.world()), *guests]

    def boot(self, hosts: list[Host], plan: Plan) -> None:
        """Make the containers what they should be, and wait until those made or started are up."""
        made = self.guests.digests()
        for name in made.keys() - {host.name for host in hosts}:
            self.progress(f"removing {name}: the plan no longer names it")
            self.discard(name)
        waiting = [host for host in hosts if made.get(host.name) != (host.digest, True)]
        fresh = {host.name for host in waiting if not self._is_whole(host, made.get(host.name, ("", False))[0])}
        for number, host in enumerate(waiting, start=1):
            again = ", anew: its image or settings changed" if host.name in fresh & made.keys() else ""
            self.progress(f"booting {host.name} ({number}/{len(waiting)}){again}")
            self.boot_one(host, plan, fresh=host.name in fresh)
        self._await(waiting, fresh)

    def boot_one(self, host: Host, plan: Plan, *, fresh: bool) -> None:
        """Start a host; `fresh` throws away the one that was there."""
        if fresh:
            self.discard(host.name)
        self.network.plug(host.name, host.addresses, plan.network, self.ground.cache.address)
        if fresh:
            self.guests.create(host, self.network.namespace(host.name))
            self._born(host.name).write_text(host.digest)
        data = host.data()
        if data:
            self.guests.put(host.name, data)
        self.guests.start(host.name)

    def discard(self, name: str) -> None:
        """Remove a host and its cable."""
        self._born(name).unlink(missing_ok=True)
        self.guests.remove(name)
        self.network.unplug(name)

    def _is_whole(self, host: Host, made: str) -> bool:
        """Whether its container is the right one and was given all its files: `up` may be killed in between."""
        note = self._born(host.name)
        return made == host.digest and note.exists() and note.read_text() == host.digest

    def _born(self, name: str) -> Path:
        return self.home / "hosts" / name / "born"

    def conclude(self, plan: Plan) -> State:
        """Write down who is who and what is up."""
        people = [(WORLD_NAME, plan.at(WORLD)), *((guest.name, guest.address) for guest in plan.guests)]
        keys = {name: ensure_key(self.home / "hosts" / name / "ssh_host_ed25519_key", name) for name, _ in people}
        known = "".join(known_host(name, address, keys[name]) for name, address in people)
        (self.home / "known_hosts").write_text(known)
        state = State(
            name=plan.name,
            network=plan.network,
            gateway=plan.at(GATEWAY),
            world=plan.at(WORLD),
            outside=plan.at(OUTSIDE),
            resolver=plan.at(WORLD),
            apt_proxy=self.ground.cache.url,
            ssh_key=self.home / "ssh" / "id_ed25519",
            known_hosts=self.home / "known_hosts",
            secrets=self.home / "secrets",
            anchors=self.home / "anchors.pem",
            authority=self.home / "authority",
            guests=plan.guests,
            part=plan.part,
        )
        save_state(self.home / "state.json", state)
        return state

    def _await(self, hosts: list[Host], fresh: set[str]) -> None:
        if not hosts:
            return
        self.progress(f"waiting for {len(hosts)} hosts to come up")
        with ThreadPoolExecutor(max_workers=16) as pool:
            list(
                pool.map(lambda host: self.guests.wait(host.name, host.addresses[0], running=host.name in fresh), hosts)
            )
