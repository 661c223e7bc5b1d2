"""The Ansible collection: one source with the checkout's playbooks, and whole when it is built and installed alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared import OPERATOR, SECOND, write

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COLLECTION = ROOT / "playbooks/collections/ansible_collections/vaguemestre/mssante"
# Tests of `ansible-test sanity` that fetch nothing; docs/ansible.md says how the others are run.
OFFLINE = (
    *("action-plugin-docs", "compile", "empty-init", "line-endings", "no-assert", "no-get-exception"),
    *("no-illegal-filenames", "no-smart-quotes", "replace-urlopen", "shebang", "symlinks", "use-argspec-type-path"),
)


def test_every_playbook_of_the_checkout_is_one_of_the_collection() -> None:
    playbooks = ROOT / "playbooks"
    ours = [*playbooks.glob("*.yml"), *playbooks.glob("tasks/*.yml")]
    linked = {file.relative_to(COLLECTION / "playbooks") for file in (COLLECTION / "playbooks").rglob("*.yml")}
    assert linked == {file.relative_to(playbooks) for file in ours}
    assert all((COLLECTION / "playbooks" / file).resolve() == playbooks / file for file in linked)


def test_kit_and_collection_have_one_version() -> None:
    kit = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((COLLECTION / "galaxy.yml").read_text())["version"] == kit
    assert f'VERSION = "{kit}"' in (COLLECTION / "plugins/plugin_utils/kit.py").read_text()


@pytest.mark.slow
def test_playbooks_and_collection_pass_ansible_lint_at_its_production_profile() -> None:
    done = called("ansible-lint", "--nocolor", "playbooks", "tests/molecule", cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert "Profile 'production' was required, and it passed." in done.stderr + done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as its users have it: built, and installed away from the checkout."""
    folder = tmp_path_factory.mktemp("collections")
    called("ansible-galaxy", "collection", "build", "--output-path", folder, cwd=COLLECTION).check_returncode()
    (archive,) = folder.glob("vaguemestre-mssante-*.tar.gz")
    install = ("ansible-galaxy", "collection", "install", "--offline", "--collections-path", folder, archive)
    called(*install, cwd=folder, collections=folder).check_returncode()
    return folder


@pytest.fixture
def source(installed: Path, tmp_path: Path) -> Path:
    """An inventory source that names the inventory plugin, and two establishments."""
    write(tmp_path / "production", pasteur=OPERATOR, lens=SECOND.replace("wave: 1", "wave: 2"))
    file = tmp_path / "production.vaguemestre.yml"
    file.write_text("plugin: vaguemestre.mssante.establishments\nfolder: production\n")
    return file


@pytest.mark.slow
@pytest.mark.parametrize("playbook", sorted(file.stem for file in (ROOT / "playbooks").glob("*.yml")))
def test_an_installed_playbook_is_found_by_its_whole_name_with_all_that_it_needs(
    playbook: str, installed: Path, source: Path
) -> None:
    """Parsing resolves modules, action plugins and included tasks; listing the hosts asks the inventory plugin."""
    name = f"vaguemestre.mssante.{playbook}"
    done = called("ansible-playbook", "-i", source, name, "--list-hosts", cwd=source.parent, collections=installed)
    assert done.returncode == 0, done.stderr
    assert "mail.pasteur.mssante.test" in done.stdout
    assert str(installed) in done.stdout


@pytest.mark.slow
def test_the_inventory_plugin_and_the_script_tell_the_same(installed: Path, source: Path) -> None:
    listed = ("ansible-inventory", "--list", "-i")
    by_plugin = called(*listed, source, cwd=source.parent, collections=installed)
    given = {"VAGUEMESTRE_INVENTORY": str(source.parent / "production")}
    by_script = called(*listed, ROOT / "playbooks/inventory.py", cwd=source.parent, collections=installed, **given)
    assert trusted(json.loads(by_plugin.stdout)) == json.loads(by_script.stdout)


@pytest.mark.slow
def test_host_keys_are_checked_also_where_ansible_is_told_not_to(installed: Path, source: Path) -> None:
    """ansible-runner, hence AWX, sets this variable unless somebody else has; ssh heeds what stands first."""
    unchecked = {"ANSIBLE_HOST_KEY_CHECKING": "False"}
    nobody = ("-e", "ansible_host=127.0.0.1 ansible_port=1")
    asked = ("ansible", "all", "-i", source, "-m", "ansible.builtin.raw", "-a", "true", "-vvv", *nobody)
    done = called(*asked, cwd=source.parent, collections=installed, **unchecked)
    assert "StrictHostKeyChecking=yes" in done.stdout
    assert "StrictHostKeyChecking=no" not in done.stdout


@pytest.mark.slow
def test_an_inventory_that_is_wrong_is_told_in_the_kits_words(installed: Path, source: Path) -> None:
    file = source.parent / "production/pasteur.yml"
    file.write_text(OPERATOR.replace("finess", "finnes"))
    done = called("ansible-inventory", "--list", "-i", source, cwd=source.parent, collections=installed)
    assert "pasteur.yml:5" in done.stderr


@pytest.mark.slow
def test_an_installed_collection_without_the_kit_says_what_is_missing(installed: Path, source: Path) -> None:
    """Another Python's site-packages hold Ansible, not the kit: here, one that hides it."""
    (source.parent / "sitecustomize.py").write_text(
        "import importlib.metadata as m\nfind = m.version\n"
        "def version(name):\n    if name == 'vaguemestre': raise m.PackageNotFoundError(name)\n    return find(name)\n"
        "m.version = version\n"
    )
    hidden = {"PYTHONPATH": str(source.parent)}
    done = called("ansible-inventory", "--list", "-i", source, cwd=source.parent, collections=installed, **hidden)
    assert "has no copy of the kit; this collection needs vaguemestre" in " ".join(done.stderr.split())


@pytest.mark.slow
def test_every_plugin_documents_itself(installed: Path) -> None:
    told = called("ansible-doc", "--metadata-dump", "vaguemestre.mssante", cwd=installed, collections=installed)
    documented = {kind: set(some) for kind, some in json.loads(told.stdout)["all"].items() if some}
    for kind, folder in (("module", "modules"), ("filter", "filter"), ("inventory", "inventory")):
        written = {f"vaguemestre.mssante.{file.stem}" for file in (COLLECTION / "plugins" / folder).glob("*.py")}
        assert documented[kind] == written
    assert "ERROR" not in told.stdout


@pytest.mark.slow
def test_ansibles_own_sanity_tests_pass_as_far_as_they_run_offline(installed: Path) -> None:
    collection = installed / "ansible_collections/vaguemestre/mssante"
    chosen = [word for name in OFFLINE for word in ("--test", name)]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    done = called("ansible-test", "sanity", "--python", python, *chosen, cwd=collection, LC_ALL="C.UTF-8")
    assert done.returncode == 0, done.stdout + done.stderr


def called(
    program: str, *arguments: object, cwd: Path, collections: Path = ROOT / "playbooks/collections", **env: str
) -> subprocess.CompletedProcess[str]:
    """One of Ansible's programs, as it is beside this Python."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    given = {"PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"}
    command = [str(BIN / program), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=os.environ | given | env, capture_output=True, text=True, check=False)


def trusted(value: Any) -> Any:
    """A dumped inventory without Ansible's marks on texts that it will not take for templates."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe") or {name: trusted(one) for name, one in value.items()}
    return [trusted(one) for one in value] if isinstance(value, list) else value
