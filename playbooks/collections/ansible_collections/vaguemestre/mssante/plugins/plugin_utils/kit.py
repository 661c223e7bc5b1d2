"""Makes the kit importable, for the plugins that work with it on the controller."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ansible.errors import AnsibleError

VERSION = "0.1.0"  # of kit and collection, which are released together

# playbooks/collections/ansible_collections/vaguemestre/mssante/plugins/plugin_utils/kit.py, in a checkout or a wheel
AROUND = Path(__file__).resolve().parents[7]


def require() -> None:
    """From here on `vaguemestre` can be imported: the one this collection came with, else the one beside Ansible.

    Raises:
        AnsibleError: there is none, or it is of another version.
    """
    if (AROUND / "playbooks" / "rollout.yml").is_file() and (AROUND / "vaguemestre" / "engines").is_dir():
        if str(AROUND) not in sys.path:
            sys.path.insert(0, str(AROUND))
        return
    try:
        found = version("vaguemestre")
    except PackageNotFoundError:
        found = None
    if found != VERSION:
        has = f"version {found}" if found else "no copy"
        raise AnsibleError(
            f"the Python that runs Ansible ({sys.executable}) has {has} of the kit; this collection needs "
            f"vaguemestre {VERSION}: install it there, or in the execution environment"
        )
