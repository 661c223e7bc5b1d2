"""What is timed: each function is one trial on hosts of the stand and gives wall seconds."""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from benchmark import peers
from benchmark.measure import FailedError, Measured, measure
from benchmark.stand import Stand, ssh
from vaguemestre.engines import wire
from vaguemestre.engines.targets import Target

KIT = (sys.executable, "-m", "vaguemestre")
_BIN = Path(sys.executable).parent
# pyinfra's last line counts hosts times operations: all, changed, failed, unchanged; a dash is none.
_NONE_CHANGED = r"Grand total\s+\d+\s+-\s+-\s+\d+"


class Trials:
    """The trials on one stand; `folder` is scratch space for what the peers read."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self._stand = stand
        self._folder = folder

    def kit(self, verb: str, hosts: int, *, watch: bool = False) -> Measured:
        """`vaguemestre apply` or `status` on the first hosts, from starting the program to its end."""
        names = [way.name for way in self._stand.targets[:hosts]]
        environment = {"VAGUEMESTRE_INVENTORY": str(self._stand.fleet.root)}
        return measure([*KIT, verb, *names], environment=environment, watch=watch)

    def bare(self, hosts: int) -> float:
        """A new SSH session to each host, side by side, in which sha256sum checks the release's files."""
        inputs = [peers.checksums(parcel.release, parcel.secrets) for parcel in self._stand.parcels[:hosts]]
        with ThreadPoolExecutor(hosts) as pool:
            return max(pool.map(_hash, self._stand.targets[:hosts], inputs))

    def round_trip(self, hosts: int) -> float:
        """The same, with the activator's `status` in place of sha256sum: what a drift check is once all has started."""
        inputs = [wire.payload(parcel.release) for parcel in self._stand.parcels[:hosts]]
        with ThreadPoolExecutor(hosts) as pool:
            return max(pool.map(_compare, self._stand.targets[:hosts], inputs))

    def apt(self) -> float:
        """`apt-get update` and `install` of the release's packages in one SSH session, and nothing else."""
        release = self._stand.parcels[0].release
        names = " ".join(package.name for package in release.packages)
        environment = "export DEBIAN_FRONTEND=noninteractive; "
        install = f"apt-get -qq update && apt-get -qq install -y --no-install-recommends {names}"
        return measure(ssh(self._stand.alone, environment + install, user="root")).seconds

    def ansible(self, hosts: int, *, settle: bool = False, check: bool = False) -> float:
        """ansible-playbook with the release as tasks of built-in modules; pipelining on, as many forks as hosts.

        With `check` in check mode.

        Unless it is to `settle` the hosts, it must find nothing to change.
        """
        self._lay_out(hosts)
        play, book = self._folder / "play.yml", self._folder / "hosts.json"
        play.write_text(yaml.safe_dump(peers.tasks(self._stand.parcels[0].release, self._folder), sort_keys=False))
        book.write_text(json.dumps({"all": {"hosts": {w.name: _ansible_host(w) for w in self._stand.targets[:hosts]}}}))
        plain = self._folder / "ansible.cfg"
        plain.touch()  # nobody's own settings
        environment = {
            "ANSIBLE_CONFIG": str(plain),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": str(hosts),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        argv = [str(_BIN / "ansible-playbook"), "-i", str(book), str(play), *(["--check"] if check else [])]
        done = measure(argv, environment=environment)
        _unchanged("Ansible", done, settle or not re.search(r"changed=[1-9]", done.said))
        return done.seconds

    def pyinfra(self, hosts: int, *, settle: bool = False) -> float:
        """pyinfra's own command line with the release as operations; like `ansible` about changes."""
        self._lay_out(hosts)
        deploy, book = self._folder / "deploy.py", self._folder / "hosts.py"
        deploy.write_text(peers.operations(self._stand.parcels[0].release, self._folder))
        book.write_text(f"hosts = {[(way.name, _pyinfra_host(way)) for way in self._stand.targets[:hosts]]!r}\n")
        done = measure([str(_BIN / "pyinfra"), "--yes", "--sudo", str(book), str(deploy)])
        _unchanged("pyinfra", done, settle or re.search(_NONE_CHANGED, done.said) is not None)
        return done.seconds

    def _lay_out(self, hosts: int) -> None:
        for parcel in self._stand.parcels[:hosts]:
            peers.lay_out(parcel.release, parcel.secrets, self._folder)


def middle(trial: Callable[[], float], times: int) -> float:
    """The median of several runs of one trial."""
    return statistics.median(trial() for _ in range(times))


def _hash(way: Target, checksums: bytes) -> float:
    return measure(ssh(way, "sudo -n sha256sum --quiet -c -"), stdin=checksums).seconds


def _compare(way: Target, payload: bytes) -> float:
    return measure(ssh(way, wire.command("status")), stdin=payload).seconds


def _unchanged(who: str, done: Measured, unchanged: bool) -> None:
    if not unchanged:
        raise FailedError(f"{who} changed something on a host that was as it should be:\n{done.said[-4000:]}")


def _ansible_host(way: Target) -> dict[str, str]:
    return {
        "ansible_host": way.address,
        "ansible_user": way.user,
        "ansible_ssh_private_key_file": way.key or "",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={way.known_hosts} -o StrictHostKeyChecking=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def _pyinfra_host(way: Target) -> dict[str, str | None]:
    return {
        "ssh_hostname": way.address,
        "ssh_user": way.user,
        "ssh_key": way.key,
        "ssh_known_hosts_file": way.known_hosts,
        "ssh_strict_host_key_checking": "yes",
    }
