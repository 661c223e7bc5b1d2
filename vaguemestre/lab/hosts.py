"""From a plan to the hosts to boot: the files each one is born with."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from vaguemestre.lab import peers, registry
from vaguemestre.lab.guests import BirthFile, Host
from vaguemestre.lab.keys import ensure_key
from vaguemestre.lab.nation import Nation
from vaguemestre.lab.places import short_hash
from vaguemestre.lab.plan import OUTSIDE, WORLD, WORLD_NAME, Guest, Plan
from vaguemestre.pki import responder

_WORLD_FILES = Path(__file__).parent / "world"
_WORLD = {
    "/etc/nsd/nsd.conf": "nsd.conf",
    "/etc/nginx/sites-enabled/default": "site.conf",
    "/etc/chrony/chrony.conf": "chrony.conf",
    "/opt/lab/outside.py": "outside.py",
    "/opt/lab/ocsp.py": "ocsp.py",
    "/etc/systemd/system/ocsp.service": "ocsp.service",
}
_STARTED = ("outside.service", "ocsp.service")
# systemd makes mounts shared where it boots a machine, and leaves them as they are in a container. What it mounts for a
# service, its credentials above all (LoadCredential=, systemd.exec(5)), gets there only if they are shared.
_SHARED = """[Unit]
Description=Share mounts with services, as on a machine
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=mount --make-rshared /
[Install]
WantedBy=sysinit.target
"""
_SYSTEM = "/etc/systemd/system"
_SHARING = (
    BirthFile(f"{_SYSTEM}/lab-shared-mounts.service", _SHARED.encode()),
    BirthFile(f"{_SYSTEM}/sysinit.target.wants/lab-shared-mounts.service", link="../lab-shared-mounts.service"),
)


def guest_host(guest: Guest, plan: Plan, image: str, home: Path, proxy: str) -> Host:
    """The host for one guest of the plan."""
    files = _identity(guest.name, guest.address, plan, home)
    files.append(BirthFile("/etc/apt/apt.conf.d/90lab-proxy", f'Acquire::http::Proxy "{proxy}";\n'.encode()))
    return Host(guest.name, image, (guest.address,), tuple(files), lambda: _SHARING)


def world_host(nation: Nation, image: str) -> Host:
    """The world host: DNS, what the nation publishes, and the outside MTA and peers on addresses of their own."""
    plan = nation.plan
    world, outside = plan.at(WORLD), plan.at(OUTSIDE)
    unit = (_WORLD_FILES / "outside.service").read_text().replace("ADDRESS", str(outside))
    files = [
        *_identity(WORLD_NAME, world, plan, nation.home),
        *(BirthFile(path, (_WORLD_FILES / name).read_bytes()) for path, name in _WORLD.items()),
        BirthFile("/opt/lab/responder.py", Path(responder.__file__).read_bytes()),
        BirthFile("/etc/systemd/system/outside.service", unit.encode()),
        *(BirthFile(f"/etc/systemd/system/multi-user.target.wants/{name}", link=f"../{name}") for name in _STARTED),
        *(peers.program() if plan.peers else ()),
        *registry.program(),
    ]
    addresses = (world, outside, *(plan.at(peer.part) for peer in plan.peers))
    return Host(WORLD_NAME, image, addresses, tuple(files), nation.files)


def _identity(name: str, address: IPv4Address, plan: Plan, home: Path) -> list[BirthFile]:
    host_key = home / "hosts" / name / "ssh_host_ed25519_key"
    public = ensure_key(host_key, name)
    admin = ensure_key(home / "ssh" / "id_ed25519", f"lab-{plan.name}")
    short = name.split(".")[0]
    return [
        BirthFile("/etc/hostname", f"{name}\n".encode()),
        BirthFile("/etc/hosts", f"127.0.0.1 localhost\n{address} {name} {short}\n".encode()),
        BirthFile("/etc/resolv.conf", f"nameserver {plan.at(WORLD)}\n".encode()),
        BirthFile(
            "/etc/machine-id",
            f"{short_hash(public, 'a')}{short_hash(public, 'b')}{short_hash(public, 'c')}"[:32].encode() + b"\n",
        ),
        BirthFile("/etc/ssh/ssh_host_ed25519_key", host_key.read_bytes(), 0o600),
        BirthFile("/etc/ssh/ssh_host_ed25519_key.pub", f"{public}\n".encode()),
        BirthFile("/root/.ssh/authorized_keys", f"{admin}\n".encode(), 0o600),
    ]
