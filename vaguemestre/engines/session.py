"""One host's connection and what is run through it, inside the pyinfra process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.lock import RLock
from paramiko import Channel, SSHException
from pyinfra.api.config import Config
from pyinfra.api.host import Host
from pyinfra.api.state import State

from vaguemestre.engines.connection import alias, bare, connect, inventory
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble, TroubleError


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code and its standard error."""

    code: int
    stderr: str


class Session:
    """A host's SSH connection, opened in the background at once and again when needed."""

    def __init__(self, host: Host, target: Target) -> None:
        self.target = target
        self._host = host
        self._lock = RLock()
        self._trouble: TroubleError | None = None
        gevent.spawn(self._try)

    @classmethod
    def all(cls, targets: list[dict[str, Any]], timeout: int) -> dict[str, Session]:
        """Sessions with all of these hosts, connecting."""
        known = {plain["name"]: Target(**plain) for plain in targets}
        state = State(inventory(known.values()), Config(CONNECT_TIMEOUT=timeout))
        for target in known.values():
            alias(target)
        return {name: cls(state.inventory.get_host(name), target) for name, target in known.items()}

    def run(self, command: str, stdin: bytes, on_line: Callable[[str], None]) -> Ran:
        """Run a command there, giving it `stdin`; `on_line` gets each line of its standard output as it comes.

        Raises:
            TroubleError: there is no connection, or it broke before the command's end was known.
        """
        channel = self._channel()
        try:
            channel.exec_command(command)
            gevent.spawn(_feed, channel, stdin)
            stderr = gevent.spawn(lambda: b"".join(_chunks(channel.recv_stderr)))
            for line in _lines(_chunks(channel.recv)):
                on_line(line.decode(errors="surrogateescape"))
            code = channel.recv_exit_status()
        except (SSHException, OSError, EOFError) as error:
            raise self._lost() from error
        finally:
            channel.close()
        if code < 0:
            raise self._lost()
        return Ran(code, stderr.get().decode(errors="surrogateescape"))

    def close(self) -> None:
        client = getattr(self._host.connector, "client", None)
        if client is not None:
            client.close()
        self._host.connected = False
        self._trouble = None

    def _channel(self) -> Channel:
        for last in (False, True):
            self._connect()
            try:
                channel: Channel = self._host.connector.client.get_transport().open_session()  # type: ignore[attr-defined]
                return channel
            except (SSHException, OSError, EOFError, AttributeError) as error:
                self.close()
                if last:
                    raise self._lost() from error
        raise AssertionError("unreachable")

    def _try(self) -> None:
        """The first attempt, made before anybody asks; its trouble is for whoever asks first."""
        try:
            self._connect()
        except TroubleError as error:
            self._trouble = error

    def _connect(self) -> None:
        with self._lock:  # one attempt at a time
            if self._trouble:
                trouble, self._trouble = self._trouble, None
                raise trouble
            try:
                connect(self._host, self.target)
            except TroubleError as error:
                waiting = bare(self.target) if error.trouble is Trouble.REFUSED else None
                raise waiting or error from error

    def _lost(self) -> TroubleError:
        return TroubleError(Trouble.LOST, f"{self.target.name}: the link was cut while a command was running there")


def _feed(channel: Channel, stdin: bytes) -> None:
    try:
        channel.sendall(stdin)
        channel.shutdown_write()
    except OSError:
        pass  # the command ended without reading it all: its exit code tells


def _chunks(receive: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := receive(65536):
        yield chunk


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The stream cut at line ends; the last line may have none."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
