"""One SSH connection, made by pyinfra: how it is asked for, and why it failed, in words with a way out."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paramiko import BadHostKeyException, PKey, SSHException, Transport
from paramiko.ssh_exception import AuthenticationException, PasswordRequiredException
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.connectors.sshuserclient.client import get_host_keys

from vaguemestre.engines import refusal
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble, TroubleError

_DEAD_AFTER = 20  # seconds without an answer from a host before its link counts as cut
_GREETING = 30  # seconds for SSH's banner and for authentication: a host under load is slow, not dead


def _transport(sock: Any, **more: Any) -> Transport:
    """paramiko's transport on a socket that sends at once (50 ms a command saved) and notices a cut link (tcp(7))."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER * 1000)
    return Transport(sock, **more)


def inventory(targets: Iterable[Target], *, first_contact: bool = False) -> Inventory:
    """pyinfra's inventory of these hosts; `first_contact` is as `bootstrap_user`, or in the host's container."""
    if not first_contact:
        return Inventory(([(one.name, _data(one, one.user)) for one in targets], {}))
    return Inventory(([(first_name(one), _data(one, one.bootstrap_user)) for one in targets], {}))


def first_name(target: Target) -> str:
    """What pyinfra calls the host at the first contact: the name chooses its connector."""
    return f"@{target.container}" if target.container else target.name


def _data(target: Target, user: str) -> dict[str, Any]:
    data = {
        "ssh_hostname": target.address,
        "ssh_port": target.port,
        "ssh_user": user,
        "ssh_key": target.key if target.key and not _sealed(target.key) else None,
        "ssh_known_hosts_file": target.known_hosts,
        "ssh_strict_host_key_checking": "yes",
        "ssh_paramiko_connect_kwargs": {
            "transport_factory": _transport,
            "banner_timeout": _GREETING,
            "auth_timeout": _GREETING,
            "channel_timeout": _GREETING,
        },
        "_sudo": user != "root" and target.container is None,  # a shell in a container is root's
    }
    return {name: value for name, value in data.items() if value is not None}  # pyinfra has no None, only absence


def _sealed(key: str) -> bool:
    """A key with a passphrase is left to the SSH agent: nobody could be asked for it from here."""
    try:
        PKey.from_path(key)
    except PasswordRequiredException:
        return True
    except (SSHException, OSError, ValueError, TypeError):
        return False  # pyinfra says what is wrong with it
    return False


def alias(target: Target) -> None:
    """Let known_hosts name a host by its name as well as by its address, which is what we connect to."""
    if not target.known_hosts:
        return
    keys = get_host_keys((target.known_hosts,))
    brackets = "{}" if target.port == 22 else f"[{{}}]:{target.port}"
    by_address, by_name = brackets.format(target.address), brackets.format(target.name)
    if keys.lookup(by_address) is None:
        for kind, key in dict(keys.lookup(by_name) or {}).items():
            keys.add(by_address, kind, key)


def connect(host: Host, target: Target) -> None:
    """Connect pyinfra's host unless it is.

    Raises:
        TroubleError: it cannot be, with the reason and the way out.
    """
    try:
        host.connect(show_errors=False, raise_exceptions=True)
    except (ConnectError, PyinfraError) as error:
        raise _reason(error, target) from error


def bare(target: Target) -> TroubleError | None:
    """The host refuses the kit's user: if it admits the user of the first contact, it only waits for bootstrap."""
    if target.user == target.bootstrap_user:
        return None
    host = State(inventory([target], first_contact=True)).inventory.get_host(target.name)
    try:
        connect(host, target)
    except TroubleError:
        return None
    host.connector.client.close()  # type: ignore[attr-defined]
    return refusal.bare(target)


def _words(cause: BaseException) -> str:
    """What happened, without the numbers; of several attempts (IPv4, IPv6) the first one's words."""
    first = next(iter(getattr(cause, "errors", {}).values()), cause)
    said = first.strerror if isinstance(first, OSError) else str(first)
    return said or type(cause).__name__


def _reason(error: PyinfraError, target: Target) -> TroubleError:
    cause = error.__context__
    if isinstance(cause, BadHostKeyException):
        return refusal.changed_key(target, cause.key.fingerprint)
    if isinstance(cause, AuthenticationException) or "No authentication methods" in str(cause):
        return refusal.refused(target)
    if isinstance(cause, SSHException) and "found in known_hosts" in str(cause):
        return refusal.unknown_key(target)
    if isinstance(cause, (SSHException, OSError, EOFError)):
        return refusal.unreachable(target, _words(cause))
    if target.key and not Path(target.key).exists():
        return refusal.no_key(target)
    return TroubleError(Trouble.REFUSED, f"{target.name} ({target.address}, port {target.port}): {error}")
