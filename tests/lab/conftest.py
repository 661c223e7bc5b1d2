"""What tests on real hosts share: one lab a session, its two operators provisioned once, and hosts to spoil.

The instance is $VAGUEMESTRE_LAB, else ``test``; it is taken down at the end unless ``--keep-lab`` is given, and what
is kept is used again. With ``-n 2`` two halves of the files run side by side, in a lab each. Its hosts:

  operators   those of inventories/lab, made operators by the real command line; leave them as you found them
  scratch     those of tests/lab/inventory: bare Debian, made anew for each module that asks for them
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from images import shared_packages
from letters import Edge, Peer, edge_answer, kept
from people import LENS, LISTED, PASTEUR, open_mailbox
from terminal import Terminal, Typed
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from vaguemestre import inventory
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Guest, Lab, Plan, State
from vaguemestre.overlay import VARIABLE
from vaguemestre.pki.authority import Authority
from vaguemestre.rehearsal import lab_plan
from vaguemestre.verbs.mailbox import Mailboxes, holders
from vaguemestre.verify.correspondent import Correspondent

ROOT = Path(__file__).resolve().parents[2]
OPERATORS = ROOT / "inventories" / "lab"
SCRATCH = Path(__file__).parent / "inventory"
SECOND_HALF = "test_p"
"""Files from here on, by name, may run beside those before: both halves take about as long."""


def pytest_configure() -> None:
    """Each of pytest-xdist's workers has labs of its own, and their names from the start."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[VARIABLE] = f"{os.environ.get(VARIABLE, 'test')}-{worker}"


class Halves(LoadScopeScheduling):
    """Two workers, a half of the files each, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return "second" if Path(nodeid.partition("::")[0]).name >= SECOND_HALF else "first"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Halves:
    return Halves(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Iterator[Lab]:
    """The session's lab, up: the operators' hosts and two scratch hosts."""
    name = os.environ.setdefault(VARIABLE, "test")
    if name == "lab":
        pytest.exit("the lab named `lab` is yours, tests would spoil it: set VAGUEMESTRE_LAB=test")
    instance = Lab.open(name)
    instance.up(_plan(name), lambda text: print(text, file=sys.stderr, flush=True))
    yield instance
    if not pytestconfig.getoption("--keep-lab"):
        instance.down()


def _plan(name: str) -> Plan:
    """The operators' lab with the scratch hosts beside them, and the packages that either may want."""
    operators, scratch = (lab_plan(inventory.read(folder), name) for folder in (OPERATORS, SCRATCH))
    bare: tuple[Guest, ...] = tuple(replace(guest, image="bare") for guest in scratch.guests)
    return replace(
        operators,
        guests=operators.guests + bare,
        certificates=operators.certificates + scratch.certificates,
        packages=shared_packages(),
    )


@pytest.fixture(scope="session")
def state(lab: Lab) -> State:
    """Where the lab is and with what to reach it."""
    found = lab.state()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def fleet(lab: Lab) -> Fleet:
    """The inventory of the two operators, laid over the lab; their hosts may still be bare."""
    return inventory.load(OPERATORS)


@pytest.fixture(scope="session")
def vaguemestre(lab: Lab) -> Callable[..., Typed]:
    """The command line as an administrator types it, on the operators unless another inventory is given."""
    return Terminal(OPERATORS)


@pytest.fixture(scope="session")
def operators(fleet: Fleet, vaguemestre: Callable[..., Typed]) -> Fleet:
    """Both operators, provisioned; the fleet of `inventories/lab`."""
    vaguemestre("apply").succeeded()
    return fleet


@pytest.fixture(scope="module")
def scratch(lab: Lab) -> tuple[str, ...]:
    """The names of two hosts as new: Debian with sshd, not even Python. They are tests/lab/inventory's."""
    names = tuple(host.name for _, host in inventory.read(SCRATCH).hosts())
    for name in names:
        lab.reset(name)
    return names


@pytest.fixture(scope="session")
def scratch_fleet(lab: Lab) -> Fleet:
    """The inventory of the scratch hosts, laid over the lab."""
    return inventory.load(SCRATCH)


@pytest.fixture(scope="session")
def pasteur(operators: Fleet) -> Mailboxes:
    """The mailboxes of the Clinique Pasteur."""
    return next(one for one in holders(operators) if one.host.name.endswith(PASTEUR))


@pytest.fixture(scope="session")
def lens(operators: Fleet) -> Mailboxes:
    """The mailboxes of the CH de Lens."""
    return next(one for one in holders(operators) if one.host.name.endswith(LENS))


@pytest.fixture(scope="module")
def anne(pasteur: Mailboxes) -> Correspondent:
    """Somebody at the Clinique Pasteur."""
    return open_mailbox(pasteur, "anne")


@pytest.fixture(scope="module")
def paul(lens: Mailboxes) -> Correspondent:
    """Somebody at the CH de Lens."""
    return open_mailbox(lens, "paul")


@pytest.fixture(scope="module")
def national(state: State, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """A server with a national certificate that the white list names for Lens."""
    return Peer(kept(tmp_path_factory.mktemp("national"), Authority.load(state.authority).issue(LISTED)))


@pytest.fixture
def edge(pasteur: Mailboxes) -> Edge:
    """Asks port 25 of the Clinique Pasteur; gives the answer to RCPT."""
    ip, name = str(pasteur.host.address), pasteur.host.name
    return lambda peer, sender, recipient: edge_answer(peer, ip, name, sender, recipient)


@pytest.fixture
def never_outside(lab: Lab) -> Iterator[None]:
    """Nothing may have reached the outside during the test."""
    before = _outside(lab)
    yield
    assert _outside(lab) == before


def _outside(lab: Lab) -> bytes:
    return lab.exec("world.test", ["cat", "/var/lib/outside/received.jsonl"]).stdout
