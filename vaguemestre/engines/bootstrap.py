"""First contact with bare hosts, as pyinfra facts and operations: Python, sudo and the kit's own user.

Runs inside the pyinfra process. It writes nothing that the release will not own later, and changes nothing on a host
that is prepared.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import gevent
from paramiko import SSHException
from pyinfra.api.config import Config
from pyinfra.api.exceptions import NestedOperationError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server

from vaguemestre.engines.connection import alias, connect, first_name, inventory
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble, TroubleError

_NEEDED = ("python3", "sudo")
_WAIT_FOR_DPKG = "-o DPkg::Lock::Timeout=120"  # a machine just installed is often still upgrading itself

Say = Callable[[str, str], None]
Outcome = tuple[str, ...] | TroubleError
Step = tuple[str, Callable[[], Any]]


@dataclass(frozen=True)
class Wanted:
    """What one host needs: its Debian release, the kit's public key, and those files of its release needed now.

    `sources` and `rules` are (path, octal mode, text): apt's own configuration and the sudo rule.
    """

    debian: str
    public_key: str
    sources: Sequence[tuple[str, str, str]]
    rules: Sequence[tuple[str, str, str]]


def bootstrap(
    targets: Mapping[str, Target], wanted: Mapping[str, Wanted], say: Say, timeout: int
) -> Iterator[tuple[str, Outcome]]:
    """Prepare these hosts, side by side; yields each, as it ends, with what was changed on it, or its trouble."""
    hosts = inventory(targets.values(), first_contact=True)
    state = State(hosts, Config(CONNECT_TIMEOUT=timeout), check_for_changes=False)
    state.is_executing = True  # an operation called is an operation done
    ctx_state.set(state)
    work = {gevent.spawn(_prepare, state, targets[name], wanted[name], say): name for name in targets}
    for done in gevent.iwait(work):
        yield work[done], done.get()


def _prepare(state: State, target: Target, wanted: Wanted, say: Say) -> Outcome:
    host = state.inventory.get_host(first_name(target))
    alias(target)
    try:
        say(
            target.name,
            f"first contact {f'in {target.container}' if target.container else f'as {target.bootstrap_user}'}",
        )
        _running(target)
        connect(host, target)
        state.activate_host(host)
        with ctx_host.use(host):
            return tuple(_changed(target.name, _steps(host, target, wanted), say))
    except NestedOperationError as error:
        return _failed(state, host, target.name, error)
    except TroubleError as error:
        return error
    except (PyinfraError, SSHException, OSError, EOFError) as error:
        return TroubleError(Trouble.LOST, f"{target.name}: bootstrap was cut short: {error}\n    run it again")
    finally:
        if host.connected:
            host.disconnect()


def _running(target: Target) -> None:
    """Of a container that is not there pyinfra would make one, from an image of that name."""
    if target.container is None:
        return
    engine, _, name = target.container.partition("/")
    asked = subprocess.run(
        [engine, "container", "inspect", "--format", "{{.State.Running}}", name], capture_output=True, text=True
    )
    if asked.stdout.strip() != "true":
        raise TroubleError(
            Trouble.UNREACHABLE,
            f"{target.name}: {target.container} is not a running container: {asked.stderr.strip()}\n    {engine} ps",
        )


def _changed(name: str, steps: Iterable[Step], say: Say) -> Iterator[str]:
    for title, operation in steps:
        say(name, title)
        if operation().changed:
            yield title


def _steps(host: Host, target: Target, wanted: Wanted) -> Iterator[Step]:
    """What is to be done, in order; a prepared host only gets its files and its user compared."""
    _same_debian(host, target.name, wanted.debian)
    needed = (*_NEEDED, "openssh-server") if target.container else _NEEDED
    missing = [name for name in needed if name not in host.get_fact(DebPackages)]
    if missing:
        yield from (_put(*one) for one in wanted.sources)
        yield "update the package lists", lambda: apt.update()
        yield (
            f"install {' and '.join(missing)}",
            lambda: apt.packages(packages=missing, no_recommends=True, extra_install_args=_WAIT_FOR_DPKG),
        )
    if target.user != "root":
        yield f"create the user {target.user} with the controller's key", lambda: _user(target.user, wanted.public_key)
        yield from (_put(*one) for one in wanted.rules)


def _user(name: str, public_key: str) -> Any:
    return server.user(user=name, home=f"/home/{name}", shell="/bin/bash", public_keys=[public_key])  # noqa: S604


def _put(path: str, mode: str, text: str) -> Step:
    return f"write {path}", lambda: files.put(src=StringIO(text), dest=path, mode=mode, user="root", group="root")


def _same_debian(host: Host, name: str, declared: str) -> None:
    found = host.get_fact(Command, ". /etc/os-release && echo $ID $VERSION_CODENAME") or "unknown"
    if found != f"debian {declared}":
        raise TroubleError(
            Trouble.FAILED,
            f"{name} runs {found}, and the inventory declares debian {declared}\n"
            "    nothing was changed on it; install the declared release, or correct `debian:` of this host",
        )


def _failed(state: State, host: Host, name: str, error: NestedOperationError) -> TroubleError:
    (op_hash,) = error.args
    done = state.get_op_data_for_host(host, op_hash).operation_meta
    words = "\n".join((done.stderr_lines or done.stdout_lines)[-15:])
    title = ", ".join(sorted(state.get_op_meta(op_hash).names))
    return TroubleError(
        Trouble.FAILED,
        f"{name}: bootstrap stopped at {title}; the host says:\n{words}\n    put that right and run it again",
    )
