"""The fifteen pilots, each as one manifest: what is on its hosts, and the digest of every file.

Whole trees of them would be thousands of files; what a template says is reviewed in the golden hosts beside.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from golden.hosts import HERE, SECRETS

from vaguemestre import inventory, runtime, synthesis
from vaguemestre.establishment import Establishment, Fleet, Mode
from vaguemestre.release import File, Release

PILOTS = Path(__file__).parents[2] / "inventories" / "pilots"
KEPT = HERE / "pilots"
SLUGS = sorted(path.stem for path in PILOTS.glob("*.yml") if path.name != "inventory.yml")


@cache
def fleet() -> Fleet:
    return inventory.read(PILOTS)


@cache
def pilots() -> dict[str, Establishment]:
    return {one.slug: one for one in fleet().establishments}


def manifest(one: Establishment) -> str:
    """What is on its hosts, line by line; of one without hosts, who has its mail."""
    if not one.hosts:
        return f"{one.mode}, {f'by {one.operator}' if one.operator else 'nowhere here'}\n"
    return "\n".join(line for host in one.hosts for line in _host(release(one.slug, host.name))) + "\n"


@cache
def release(slug: str, host: str) -> Release:
    one = pilots()[slug]
    (meant,) = [each for each in one.hosts if each.name == host]
    return synthesis.synthesise(replace(synthesis.context(fleet(), one, meant, {}), secrets=SECRETS))


def _host(release: Release) -> Iterator[str]:
    yield f"host {release.host} {release.debian}"
    yield from (f"package {one.name}" for one in release.packages)
    yield from (f"account {one.name}" for one in release.accounts)
    yield from (f"directory {one.path} {one.owner}:{one.group} {one.mode:04o}" for one in release.directories)
    yield from (f"file {one.path} {one.owner}:{one.group} {one.mode:04o} {_digest(one)}" for one in release.files)
    yield from (f"credential {one.path} {one.owner}:{one.group} {one.mode:04o}" for one in release.credentials)
    for unit in release.units:
        counts = f"{len(unit.inputs)} inputs, {len(unit.judges)} judges, {len(unit.probes)} probes"
        yield f"unit {unit.name} {'masked' if unit.masked else f'{unit.on_change}, {counts}'}"


def _digest(file: File) -> str:
    return "the runtime" if file.path == runtime.PATH else f"sha256 {hashlib.sha256(file.content).hexdigest()}"


@pytest.mark.parametrize("slug", SLUGS)
def test_the_pilot_is_what_its_manifest_says(slug: str, request: pytest.FixtureRequest) -> None:
    drawn, path = manifest(pilots()[slug]), KEPT / f"{slug}.txt"
    if request.config.getoption("--update-golden"):
        KEPT.mkdir(exist_ok=True)
        path.write_text(drawn)
    kept = path.read_text() if path.exists() else ""
    different = list(difflib.unified_diff(kept.splitlines(), drawn.splitlines(), "kept", "now", lineterm=""))
    if different:
        shown = "\n".join(different[:60])
        pytest.fail(f"{shown}\n\nIf this is meant: pytest tests/golden --update-golden, and review git diff.", False)


def test_fifteen_join_in_all_three_ways() -> None:
    modes = [one.mode for one in pilots().values()]
    assert len(modes) == 15
    assert modes.count(Mode.HOSTED) == 2
    assert modes.count(Mode.INDIVIDUAL) == 1


def test_eleven_are_in_the_first_waves_and_two_follow() -> None:
    waves = [one.wave for one in fleet().establishments]
    assert [sum(wave <= 3 for wave in waves), waves.count(4), waves.count(5)] == [11, 2, 2]


def test_all_identifiers_are_invented() -> None:
    for one in pilots().values():
        assert one.finess[2:8] == "000099"
        assert all(domain.name.endswith(".test") for domain in one.domains)


def test_a_hosted_pilots_domain_is_served_by_its_operator_with_its_own_rules() -> None:
    (settings,) = [one for one in release("chu-rouen", "mail.chu-rouen.mssante.test").files if _is_settings(one.path)]
    for rule in (b'"quota_mib": 512', b'"secretariat": "secretariat@clinique-du-cedre.mssante.test"', b"1760000997"):
        assert rule in settings.content


def _is_settings(path: str) -> bool:
    return path == "/etc/vaguemestre/mailboxes.json"
