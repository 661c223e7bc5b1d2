"""Would the firewall still let in whoever is logged in? Asked of the kernel's own table, as proc(5) writes it."""

from __future__ import annotations

import socket
import sys
from ipaddress import IPv4Network, ip_address
from pathlib import Path

import pytest

from vaguemestre.host.admits import connected, shut_out

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the tables below are a little-endian machine's")

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
# 192.0.2.10 listens on 22; 192.0.2.99 is logged in; 198.51.100.7 has gone (TIME_WAIT); 203.0.113.5 reads mail (993).
TABLE = HEAD + (
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
    "   1: 0A0200C0:0016 630200C0:C350 01 00000000:00000000 02:00000000 00000000     0        0 2 1\n"
    "   2: 0A0200C0:0016 076433C6:C351 06 00000000:00000000 02:00000000 00000000     0        0 3 1\n"
    "   3: 0A0200C0:03E1 057100CB:C352 01 00000000:00000000 02:00000000 00000000     0        0 4 1\n"
    "   4: 0100007F:0016 0100007F:C353 01 00000000:00000000 02:00000000 00000000     0        0 5 1\n"
)
TABLE6 = HEAD + (
    "   0: 0000000000000000FFFF00000A0200C0:0016 0000000000000000FFFF0000630200C0:C350 01 0:0 0:0 0 0 0 2 1\n"
    "   1: B80D0120000000000000000010000000:0016 B80D0120000000000000000099000000:C351 01 0:0 0:0 0 0 0 3 1\n"
)


def test_whoever_is_logged_in_is_seen_and_nobody_else() -> None:
    assert [str(peer) for peer in connected(TABLE, 22)] == ["192.0.2.99"]


def test_ipv4_over_an_ipv6_socket_is_ipv4() -> None:
    first, second = connected(TABLE6, 22)
    assert str(first) == "192.0.2.99"
    assert second.version == 6


def test_the_kernel_of_this_machine_writes_its_table_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        port = server.getsockname()[1]
        table = Path("/proc/net/tcp").read_text()
        assert list(connected(table, port)) == []  # the host itself is no stranger to be let in
        assert list(connected(table.replace("0100007F", "630200C0"), port))  # as if it had come from outside


@pytest.mark.parametrize(
    ("peers", "networks", "locked"),
    [
        (["192.0.2.99"], ["192.0.2.0/24"], False),
        (["192.0.2.99"], ["198.51.100.0/24"], True),
        (["192.0.2.99", "198.51.100.7"], ["198.51.100.0/24"], False),
        (["2001:db8::99"], ["0.0.0.0/0"], True),
        ([], ["198.51.100.0/24"], False),
    ],
)
def test_a_host_is_shut_only_when_nobody_who_is_there_would_get_in_again(
    peers: list[str], networks: list[str], locked: bool
) -> None:
    assert shut_out(map(ip_address, peers), map(IPv4Network, networks)) is locked
