"""The host's verb `admits`: would these networks still let in whoever is logged in by SSH now?

Role base asks it as a judge of the firewall, so that a slip in `ssh.admin_networks` is refused instead of locking the
controller out of a host that then waits for somebody at its console.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path

Peer = IPv4Address | IPv6Address

_ESTABLISHED = "01"


def main(argv: list[str]) -> int:
    """``admits PORT NETWORK...``; 0 when it lets somebody of them in, or nobody is there; 1 when it would not."""
    port, *networks = argv
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    peers = {peer for table in tables if table.exists() for peer in connected(table.read_text(), int(port))}
    if not shut_out(peers, map(IPv4Network, networks)):
        return 0
    print(
        f"SSH from {', '.join(sorted(map(str, peers)))}, where you are now, would be refused from here on: only "
        f"{', '.join(networks)} would get in\n    add this machine's address, as the host sees it, to "
        "ssh.admin_networks",
        file=sys.stderr,
    )
    return 1


def shut_out(peers: Iterable[Peer], networks: Iterable[IPv4Network]) -> bool:
    """Whether there are peers and none of them is in one of the networks; IPv6 is admitted from nowhere."""
    known, admitted = list(peers), list(networks)
    return bool(known) and not any(
        isinstance(peer, IPv4Address) and peer in network for peer in known for network in admitted
    )


def connected(table: str, port: int) -> Iterator[Peer]:
    """Who has a connection to this port of the host, by the kernel's table (proc(5), /proc/net/tcp); not the host."""
    for line in table.splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        peer = _address(remote.partition(":")[0])
        if state == _ESTABLISHED and int(local.rpartition(":")[2], 16) == port and not peer.is_loopback:
            yield peer


def _address(written: str) -> Peer:
    """The kernel writes words of 32 bits as this machine's numbers, in hexadecimal."""
    words = (written[at : at + 8] for at in range(0, len(written), 8))
    peer = ip_address(b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words))
    return peer.ipv4_mapped or peer if isinstance(peer, IPv6Address) else peer
