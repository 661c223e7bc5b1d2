"""The controller's half of the module: computes the host's release with the kit and hands it over."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.vaguemestre.mssante.plugins.plugin_utils import kit

VERBS = {"active": "apply", "verified": "status", "rolled_back": "rollback"}


class ActionModule(ActionBase):
    """Releases are made here, where the inventory and the secrets are; the module only carries them."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("state", "release", "record", "allow"))

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        kit.require()
        from vaguemestre.errors import VaguemestreError

        result: dict[str, Any] = super().run(tmp, task_vars)
        state = self._task.args.get("state", "active")
        try:
            if state == "prepared":
                return result | self._prepare(task_vars or {})
            return result | self._hand_over(state, task_vars or {})
        except VaguemestreError as error:
            return result | {"failed": True, "msg": str(error)}

    def _hand_over(self, state: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        from vaguemestre.engines import wire

        verb = VERBS[state]
        if self._task.check_mode and verb == "rollback":
            return {"skipped": True, "msg": "check mode: the previous release would be put back"}
        if self._task.check_mode and verb == "apply":
            verb = "plan"
        arguments = [self._task.args["release"]] if self._task.args.get("release") else []
        carried = {
            "state": state,
            "command": wire.command(verb, *arguments, sudo=False),  # Ansible's own become has done that
            "payload": base64.b64encode(self._payload(verb, task_vars)).decode(),
        }
        told: dict[str, Any] = self._execute_module(
            module_name="vaguemestre.mssante.host", module_args=carried, task_vars=task_vars
        )
        if "whole" in told:
            told["beyond"] = self._beyond(told.pop("whole"))
        return told

    def _beyond(self, changes: list[dict[str, Any]]) -> list[str]:
        """What of a plan goes further than is done unasked."""
        from vaguemestre.engines.wire import Change
        from vaguemestre.plan import Limits

        limits = Limits(allow=frozenset(self._task.args.get("allow") or ()))
        return list(limits.crossed([Change(**one) for one in changes]))

    def _payload(self, verb: str, task_vars: dict[str, Any]) -> bytes:
        from vaguemestre.engines import wire
        from vaguemestre.engines.parcel import pack

        if verb == "rollback":
            return wire.payload(None, {})
        if kept := self._kept(task_vars):
            return wire.payload(kept.release, kept.contents() if verb == "apply" else {})
        parcel = pack(*self._host(task_vars))
        return wire.payload(parcel.release, parcel.secrets if verb == "apply" else {})

    def _prepare(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        from vaguemestre.engines import pyinfra
        from vaguemestre.engines.sessions import Failure

        if kept := self._kept(task_vars):
            outcome = pyinfra.prepare(kept.target, kept.release, look_only=self._task.check_mode)
        else:
            fleet, _establishment, host = self._host(task_vars)
            outcome = (pyinfra.bare if self._task.check_mode else pyinfra.bootstrap)(fleet, [host.name])[host.name]
        if isinstance(outcome, Failure):
            return {"unreachable" if outcome.trouble.untouched else "failed": True, "msg": outcome.message}
        return {"changed": bool(outcome), "steps": list(outcome) if isinstance(outcome, tuple) else []}

    def _kept(self, task_vars: dict[str, Any]) -> Any:
        """What the rollout that this is part of keeps of the host; None outside of one: the inventory is asked then."""
        from vaguemestre.rollouts.kept import kept

        record = self._task.args.get("record")
        return kept(Path(record), task_vars["inventory_hostname"]) if record else None

    def _host(self, task_vars: dict[str, Any]) -> tuple[Any, Any, Any]:
        from vaguemestre import inventory
        from vaguemestre.engines.targets import select

        declared = task_vars.get("vaguemestre_inventory")
        fleet = inventory.load(Path(declared) if declared else None)
        ((establishment, host),) = select(fleet, [task_vars["inventory_hostname"]])
        return fleet, establishment, host
