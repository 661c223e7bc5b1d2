#!/usr/bin/env python3
"""Ansible's dynamic inventory: the establishments' YAML files, the same that `vaguemestre` reads.

$VAGUEMESTRE_INVENTORY names the folder; without it, the rehearsal lab's. The kit is imported from this checkout, its
dependencies from the Python that runs this, or else from the checkout's own virtual environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv" / "bin" / "python3"

sys.path.insert(0, str(ROOT))
try:
    import pydantic  # noqa: F401 - the first of the kit's dependencies
except ModuleNotFoundError:
    if VENV.exists() and Path(sys.prefix) != VENV.parent.parent:
        os.execv(VENV, [str(VENV), *sys.argv])  # noqa: S606 - this very script, with the Python meant for it
    raise


def main() -> int:
    from vaguemestre import inventory
    from vaguemestre.engines.ansible import ansible_inventory
    from vaguemestre.errors import VaguemestreError

    if sys.argv[1:2] == ["--host"]:  # everything is in --list's _meta
        print("{}")
        return 0
    try:
        print(json.dumps(ansible_inventory(inventory.load()), indent=2))
    except VaguemestreError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
