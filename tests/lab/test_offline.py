"""A host that reaches no mirror: its packages come with it, in a folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Typed

from vaguemestre.lab import Lab

HERE = Path(__file__).parent / "inventory"
FOLDER = "/srv/vaguemestre/packages"
CONNECTED, OFFLINE = "a.scratch.test", "b.scratch.test"


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch hosts' inventory, naming the folder instead of a mirror."""
    folder = tmp_path_factory.mktemp("inventory")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    shared = folder / "inventory.yml"
    anchors = (HERE / "../../../inventories/lab/trust/national.pem").resolve()
    shared.write_text(re.sub("anchors: .*", f"anchors: {anchors}", shared.read_text()) + f"apt:\n  bundle: {FOLDER}\n")
    return folder


@pytest.fixture(scope="module")
def bundle(lab: Lab, scratch: tuple[str, ...], vaguemestre: Callable[..., Typed], inventory: Path) -> bytes:
    """The folder as docs/offline.md makes it, as a tar file."""
    assert CONNECTED in scratch
    wanted = vaguemestre("packages", inventory=inventory).succeeded().out.split()
    script = f"""
        exec >&2
        set -e; export DEBIAN_FRONTEND=noninteractive
        mkdir -p {FOLDER}; apt-get update -qq; apt-get install -y -qq --no-install-recommends apt-utils
        apt-get install --download-only --no-install-recommends -y -qq \\
            -o Dir::Cache::archives={FOLDER} {" ".join(wanted)}
        cd {FOLDER} && apt-ftparchive packages . > Packages
    """
    made = lab.exec(CONNECTED, ["sh", "-c", script])
    assert made.returncode == 0, made.stderr.decode()
    return lab.exec(CONNECTED, ["tar", "-c", "--exclude=lock", "--exclude=partial", "-C", FOLDER, "."]).stdout


def test_a_host_without_mirror_is_provisioned_from_a_folder(
    lab: Lab, bundle: bytes, inventory: Path, vaguemestre: Callable[..., Typed]
) -> None:
    cut_off = f"rm -rf /etc/apt/apt.conf.d/90lab-proxy /var/lib/apt/lists/*; mkdir -p {FOLDER}; tar -x -C {FOLDER}"
    assert lab.exec(OFFLINE, ["sh", "-c", cut_off], stdin=bundle).returncode == 0
    vaguemestre("apply", OFFLINE, inventory=inventory).succeeded()
    answer = vaguemestre("status", OFFLINE, "--json", inventory=inventory).succeeded().json
    assert answer[OFFLINE]["units"]["nftables.service"] == "active"


def test_without_folder_and_mirror_the_failure_is_apts_own(
    lab: Lab, bundle: bytes, inventory: Path, vaguemestre: Callable[..., Typed]
) -> None:
    lab.reset(OFFLINE)
    lab.exec(OFFLINE, ["rm", "-f", "/etc/apt/apt.conf.d/90lab-proxy"])
    refused = vaguemestre("apply", OFFLINE, inventory=inventory)
    assert refused.code == 1, refused.screen
    assert FOLDER in refused.screen
