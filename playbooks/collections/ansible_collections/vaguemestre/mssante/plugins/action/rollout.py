"""The record of a rollout, kept on the controller: see `vaguemestre.rollouts`."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.vaguemestre.mssante.plugins.plugin_utils import kit

with suppress(AnsibleError, ImportError):
    # Here in Ansible's own process, once, so that no worker has to for every host; who has no kit is told by `run`.
    kit.require()
    import_module("vaguemestre.rollouts.steps")

_OPTIONS = ("behaviour", "allow", "outside_window")


class ActionModule(ActionBase):
    """One step; nothing of it happens on the host."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _VALID_ARGS = frozenset(
        ("step", "rollout", "record", "hosts", "changing", "result", "reason", "live", "changed", *_OPTIONS)
    )

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        kit.require()
        from vaguemestre.errors import VaguemestreError

        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            return result | {"changed": False} | self._step(task_vars or {})
        except VaguemestreError as error:
            return result | {"failed": True, "msg": str(error)}

    def _step(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        from vaguemestre.rollouts import steps

        given = {name: value for name, value in self._task.args.items() if value is not None}
        match given["step"]:
            case "begin":
                return self._begin(given, task_vars)
            case "open":
                return steps.opened(given["record"], given["hosts"])
            case "admit":
                return steps.admitted(given["record"], given["hosts"], given["changing"])
            case "note":
                how = {name: given[name] for name in ("reason", "live", "changed") if name in given}
                return steps.noted(given["record"], task_vars["inventory_hostname"], given["result"], how)
            case "end":
                return steps.ended(given["record"])
            case other:
                return {"failed": True, "msg": f"{other} is no step of a rollout"}

    def _begin(self, given: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        from vaguemestre.rollouts import steps

        return steps.begin(
            task_vars.get("vaguemestre_inventory"),
            given["hosts"],
            {name: given[name] for name in _OPTIONS if name in given},
            os.getppid(),  # Ansible itself: this is one of its workers
            rollout=given.get("rollout", ""),
            by=task_vars.get("awx_user_name") or task_vars.get("tower_user_name"),
        )
