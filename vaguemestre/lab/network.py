"""One instance's own network: a bridge, and for each guest a pinned network namespace with one cable to it.

Nothing leaves it: guests have no default route, this machine does not translate their addresses, and only the package
cache's single address is reachable beyond the bridge. A namespace outlives its guest, so a guest that starts again
finds its network in place before its first daemon does.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from vaguemestre.lab.engine import Engine
from vaguemestre.lab.errors import LabError
from vaguemestre.lab.places import short_hash
from vaguemestre.lab.plan import GATEWAY
from vaguemestre.lab.process import run


class Network:
    """The bridge and the cables of one instance."""

    def __init__(self, engine: Engine, instance: str) -> None:
        self.engine = engine
        self.instance = instance
        self.directory = engine.places.namespaces(instance)
        # An interface's name has at most 15 characters (IFNAMSIZ).
        self.bridge = f"vgm-{instance if len(instance) <= 11 else instance[:6] + '-' + short_hash(instance)[:4]}"

    def open(self, wanted: IPv4Network) -> IPv4Network:
        """Make the bridge and give its network: `wanted` or a free one like it. Call it under the ground's lock."""
        network = self._choose(wanted)
        if self.bridge not in _links():
            run(["ip", "link", "add", self.bridge, "address", _mac(self.bridge), "type", "bridge"])
        gateway = f"{network.network_address + GATEWAY}/{network.prefixlen}"
        if gateway not in _addresses(self.bridge):
            run(["ip", "address", "flush", "dev", self.bridge])
            run(["ip", "address", "add", gateway, "dev", self.bridge])
        run(["ip", "link", "set", self.bridge, "up"])
        return network

    def namespace(self, guest: str) -> Path:
        """Where this guest's network namespace is pinned."""
        return self.directory / guest

    def cable(self, guest: str) -> str:
        """The name of this guest's cable on the bridge's side."""
        return f"vgm{short_hash(self.instance, guest)}"

    def plug(self, guest: str, addresses: tuple[IPv4Address, ...], network: IPv4Network, cache: IPv4Address) -> None:
        """Give a guest its namespace, cable, addresses and the route to the package cache, unless it has them."""
        if self._plugged(guest):
            return
        self.unplug(guest)
        pin, cable = self.namespace(guest), self.cable(guest)
        self.directory.mkdir(parents=True, exist_ok=True)
        pin.touch()
        self.engine.run("unshare", f"--net={pin}", "ip", "link", "set", "lo", "up")
        peer = ("peer", "name", "eth0", "address", _mac(self.instance, guest), "netns", str(pin))
        self.engine.run("ip", "link", "add", cable, "master", self.bridge, "type", "veth", *peer)
        run(["ip", "link", "set", cable, "up"])
        orders = [f"address add {address}/{network.prefixlen} dev eth0" for address in addresses]
        orders += ["link set eth0 up", f"route add {cache} via {network.network_address + GATEWAY}"]
        enter = ["nsenter", f"--net={pin}", "ip", "-batch", "-"]
        self.engine.run(*enter, stdin="\n".join(orders).encode() + b"\n")

    def unplug(self, guest: str) -> None:
        """Take a guest's cable and namespace away."""
        run(["ip", "link", "delete", self.cable(guest)], check=False)
        pin = self.namespace(guest)
        if pin.exists():
            self.engine.run("umount", str(pin), check=False)
            pin.unlink()

    def cut(self, guest: str) -> None:
        """Pull the cable: nothing passes to or from this guest until `mend`, even over its restart."""
        run(["ip", "link", "set", self.cable(guest), "down"])

    def mend(self, guest: str) -> None:
        """Plug the cable in again."""
        run(["ip", "link", "set", self.cable(guest), "up"])

    def close(self) -> None:
        """Remove every cable, namespace and the bridge of this instance, whoever left them."""
        pins = sorted(self.directory.glob("*")) if self.directory.exists() else []
        for pin in pins:
            self.unplug(pin.name)
        for cable in _links("master", self.bridge) if self.bridge in _links() else []:
            run(["ip", "link", "delete", cable], check=False)
        run(["ip", "link", "delete", self.bridge], check=False)
        if self.directory.exists():
            self.directory.rmdir()

    def _plugged(self, guest: str) -> bool:
        pin = self.namespace(guest)
        if self.cable(guest) not in _links() or not pin.exists():
            return False
        return self.engine.run("nsenter", f"--net={pin}", "true", check=False).returncode == 0

    def _choose(self, wanted: IPv4Network) -> IPv4Network:
        taken = _routed(except_for=self.bridge)
        family = wanted.supernet(new_prefix=16) if wanted.prefixlen > 16 else wanted
        for candidate in [wanted, *(net for net in family.subnets(new_prefix=wanted.prefixlen) if net > wanted)]:
            if not any(candidate.overlaps(network) for network in taken):
                return candidate
        raise LabError(f"no network like {wanted} is free in `ip route`: name another one in the inventory")


def _routed(except_for: str) -> list[IPv4Network]:
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]).stdout or b"[]")
    chosen = [r["dst"] for r in routes if r.get("dev") != except_for and r["dst"] != "default"]
    return [network for network in map(IPv4Network, chosen) if not network.is_loopback and not network.is_multicast]


def _addresses(link: str) -> list[str]:
    shown = json.loads(run(["ip", "-json", "-4", "address", "show", "dev", link]).stdout or b"[]")
    return [f"{known['local']}/{known['prefixlen']}" for entry in shown for known in entry.get("addr_info", [])]


def _mac(*names: str) -> str:
    """An address that is always the same, or neighbours would go on for a minute talking to the one before."""
    digits = short_hash(*names)[:10]
    return ":".join(["02", *(digits[at : at + 2] for at in range(0, 10, 2))])


def _links(*chosen: str) -> list[str]:
    return [link["ifname"] for link in json.loads(run(["ip", "-json", "link", "show", *chosen]).stdout or b"[]")]
