"""Proof that a unit serves: a port that answers, a command that succeeds."""

from __future__ import annotations

import socket
import time

from vaguemestre.host.activator.commands import run
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.release import Probe, Unit

_AGAIN = 0.2  # seconds between two attempts


def prove(unit: Unit) -> None:
    """Try each probe of the unit until it succeeds or its time is over.

    Raises:
        ActivationError: one did not succeed, with what was heard last.
    """
    for probe in unit.probes:
        deadline = time.monotonic() + probe.seconds
        while (heard := _attempt(probe)) is not None:
            if time.monotonic() > deadline:
                raise ActivationError("probe", f"{unit.name} does not serve after {probe.seconds} s: {heard}")
            time.sleep(_AGAIN)


def _attempt(probe: Probe) -> str | None:
    """None when it succeeds, else what is wrong."""
    if probe.port is not None and (wrong := _greeting(probe, probe.port)):
        return wrong
    if probe.command:
        done = run(*probe.command, timeout=max(probe.seconds, 1))
        if done.code:
            return f"{' '.join(probe.command)} ended with {done.code}:\n{done.output}"
    return None


def _greeting(probe: Probe, port: int) -> str | None:
    where = f"port {port} on {probe.address}"
    try:
        with socket.create_connection((probe.address, port), timeout=max(probe.seconds, 1)) as peer:
            heard = _listen(peer, probe.expect.encode())
    except OSError as error:
        return f"{where}: {error.strerror or error}"
    return None if heard is None else f"{where} was to greet with {probe.expect!r} and said {heard!r}"


def _listen(peer: socket.socket, expect: bytes) -> str | None:
    """None when `expect` was heard, else what was."""
    heard = b""
    while expect not in heard and len(heard) < 4096:
        if not (more := peer.recv(1024)):
            break
        heard += more
    return None if expect in heard else heard.decode(errors="replace")
