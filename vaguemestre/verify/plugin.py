"""The pytest plugin of the packaged suite: which establishments are asked, with what, and how it is told.

Fixtures: `site` (one establishment, parametrised), `edge` (each host that takes its mail from other operators), `host`
(testinfra over SSH), `probe` (a mailbox of the site that only verifications use). Each test's docstring is the sentence
that people read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host as TestinfraHost

from vaguemestre import inventory
from vaguemestre.establishment import Fleet, Host
from vaguemestre.host.mailboxes.bal import PROBE_TEAM
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.site import Site, chosen, in_service, sites, ssh_backend
from vaguemestre.verify.verdict import Verdict, line


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vaguemestre")
    group.addoption("--inventory", type=Path, help="folder of the inventory")
    group.addoption("--name", action="append", default=[], help="an establishment or a host; repeat, none for all")


def pytest_configure(config: pytest.Config) -> None:
    # Long tracebacks show the arguments of functions, and among those are the probes' passwords.
    config.option.tbstyle = "short"
    config.addinivalue_line("markers", "requirement(number): the operator requirement that a behaviour proves")


@cache
def _fleet(root: Path) -> Fleet:
    return inventory.load(root)


def _chosen(config: pytest.Config) -> list[Site]:
    return chosen(_fleet(config.getoption("--inventory")), config.getoption("--name"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "edge" in metafunc.fixturenames:
        pairs = [(site, edge) for site in _chosen(metafunc.config) for edge in site.edges]
        metafunc.parametrize(("site", "edge"), pairs, ids=[_at(*pair) for pair in pairs], scope="session")
    elif "site" in metafunc.fixturenames:
        chosen = _chosen(metafunc.config)
        metafunc.parametrize("site", chosen, ids=[site.establishment.slug for site in chosen], scope="session")


def _at(site: Site, edge: Host) -> str:
    """Where there is one edge, the establishment's name says all."""
    slug = site.establishment.slug
    return slug if len(site.edges) == 1 else f"{slug}-{edge.name.partition('.')[0]}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group by establishment, and put into the JUnit file what the summary needs."""
    items.sort(key=_rollout_order)
    for item in items:
        marker = item.get_closest_marker("requirement")
        item.user_properties += [
            ("slug", _slug(item)),
            ("proof", _proof(item)),
            ("variant", _variant(item)),
            ("establishment", _site_name(item)),
            ("behaviour", _sentence(item)),
            ("requirement", ", ".join(map(str, marker.args)) if marker else ""),
        ]


def _rollout_order(item: pytest.Item) -> tuple[int, str]:
    callspec = getattr(item, "callspec", None)
    one = callspec.params["site"].establishment if callspec else None
    return (one.wave, one.slug) if one else (0, "")


def _site_name(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return callspec.params["site"].establishment.name if callspec else ""


def _slug(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return callspec.params["site"].establishment.slug if callspec else ""


def _proof(item: pytest.Item) -> str:
    """``mail.to_a_peer`` for test_to_a_peer of test_mail.py: what records and the catalogue call a behaviour."""
    module, name = item.path.stem, str(getattr(item, "originalname", item.name))
    return f"{module.removeprefix('test_')}.{name.removeprefix('test_')}"


def _variant(item: pytest.Item) -> str:
    """With what a behaviour was asked, where it is asked several times: ``587``."""
    callspec = getattr(item, "callspec", None)
    return ",".join(filter(None, map(str, _asked_with(callspec.params)))) if callspec else ""


def _asked_with(params: dict[str, Any]) -> Iterator[object]:
    """The parameters but for the site; an edge by its name, where there are several."""
    several = "site" in params and len(params["site"].edges) > 1
    for name, value in params.items():
        if name == "edge":
            yield value.name if several else ""
        elif name != "site":
            yield value


def _sentence(item: pytest.Item) -> str:
    """The first line of the test's docstring; {names} in it are the test's parameters."""
    document = getattr(item, "obj").__doc__ or item.name.replace("_", " ")  # noqa: B009
    sentence = str(document).strip().splitlines()[0].rstrip(".")
    callspec = getattr(item, "callspec", None)
    return sentence.format(**callspec.params) if callspec else sentence


_told: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say each verdict as soon as it is known."""
    if report.when != "call" and report.outcome == "passed":
        return
    properties = {name: str(value) for name, value in report.user_properties}
    if _told[-1:] != [properties["establishment"]]:
        _told.append(properties["establishment"])
        print(f"\n{_told[-1]}", flush=True)
    print(line(_verdict(report, properties)), flush=True)


def _verdict(report: pytest.TestReport, properties: dict[str, str]) -> Verdict:
    crash = getattr(report.longrepr, "reprcrash", None)
    reason = crash.message if crash else str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
    return Verdict(
        establishment=properties["establishment"],
        behaviour=properties["behaviour"],
        requirement=properties["requirement"],
        outcome=report.outcome,
        seconds=report.duration,
        reason=reason.replace("\n", "\n      ") if report.outcome != "passed" else "",
    )


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        print(report.longreprtext, flush=True)


@pytest.fixture(scope="session")
def fleet(pytestconfig: pytest.Config) -> Fleet:
    return _fleet(pytestconfig.getoption("--inventory"))


@pytest.fixture(scope="session")
def host(site: Site, fleet: Fleet) -> TestinfraHost:
    """The site's mail host, reached as administrators reach it."""
    return testinfra.get_host(**ssh_backend(site, fleet))


@pytest.fixture(scope="session")
def probe(site: Site, fleet: Fleet) -> Iterator[Correspondent]:
    """The site's own verification mailbox, opened for the time of the run and suspended afterwards."""
    with site.probe(fleet) as correspondent:
        yield correspondent


@pytest.fixture(scope="session")
def team(site: Site, fleet: Fleet) -> Iterator[Correspondent]:
    """A team of the site, which everybody finds; on the red list's account also a secretariat."""
    with site.probe(fleet, PROBE_TEAM, "ORG") as correspondent:
        yield correspondent


@pytest.fixture(scope="session")
def peer(other_site: Site, fleet: Fleet) -> Iterator[Correspondent]:
    """Somebody at another operator, to whom nobody of the site's red list has ever written."""
    with other_site.probe(fleet) as correspondent:
        yield correspondent


@pytest.fixture(scope="session")
def friend(other_site: Site, fleet: Fleet) -> Iterator[Correspondent]:
    """Somebody else there."""
    with other_site.probe(fleet, PROBE_TEAM, "ORG") as correspondent:
        yield correspondent


@pytest.fixture(scope="session")
def other_site(site: Site, fleet: Fleet) -> Site:
    """Another operator of the inventory, the first in rollout order that is in service.

    One that cannot be reached is no reason to skip: that would look like a proof.
    """
    others = [other for other in sites(fleet) if other.host != site.host]
    serving = in_service(fleet, [other.host.name for other in others]) if others else {}
    other = next((other for other in others if serving[other.host.name]), None)
    if other is None:
        pytest.skip("the inventory holds no other operator in service to write to")
    return other
