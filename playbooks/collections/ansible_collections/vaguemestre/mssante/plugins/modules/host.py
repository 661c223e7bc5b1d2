#!/usr/bin/python
"""The one Ansible module: it hands what the controller prepared to the activator, on the host, and tells the result."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: Make a host what its establishment's file says, as one release
description:
  - On the controller, the release of the host is computed from the inventory of establishments, whose folder the
    variable C(vaguemestre_inventory) names (the inventory sets it). On the host, the activator compares,
    stages, judges, switches, settles and probes it, and puts the previous release back by itself when any of that
    fails.
  - No role logic is written in Ansible, and no secret is on a command line, in a log or in a temporary file.
options:
  state:
    description:
      - V(active) makes the inventory's release live; with check mode, tells what that would change.
      - V(verified) changes nothing, and fails unless exactly that release is live, every unit of it runs with what is
        on its disk, and nothing was changed by hand.
      - V(rolled_back) puts the previous release back. Packages keep their version.
      - V(prepared) is the first contact with a bare host (Python, sudo, the kit's user), made by pyinfra from the
        controller; nothing is done on a host that is prepared.
    choices: [active, verified, rolled_back, prepared]
    default: active
    type: str
  release:
    description: With O(state=rolled_back), the id of the release to put back rather than the previous one.
    type: str
  record:
    description: The record of a rollout, whose releases were made when it began; without it, they are made now.
    type: path
  allow:
    description: With check mode, the limits that a change may go beyond; RV(beyond) is about the others.
    type: list
    elements: str
  command:
    description: Set by the action plugin, never by hand.
    type: str
  payload:
    description: Set by the action plugin, never by hand.
    type: str
attributes:
  check_mode:
    description: Tells what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes, or would, in each file.
    support: full
    details: The contents of secrets are never shown.
author:
  - The maintainers of Vaguemestre (@vaguemestre)
"""

EXAMPLES = r"""
- name: The release of the inventory is live
  vaguemestre.mssante.host:

- name: What would change, as a diff
  vaguemestre.mssante.host:
  check_mode: true
  diff: true

- name: Nothing differs from the inventory
  vaguemestre.mssante.host:
    state: verified

- name: The previous release is put back
  vaguemestre.mssante.host:
    state: rolled_back
"""

RETURN = r"""
release: {description: Id of the release asked for., type: str, returned: when there is one}
live: {description: Id of the release that is live now., type: str, returned: always}
previous: {description: Id of the release that was live before., type: str, returned: when something changed}
changes:
  description: What was changed, or would be; C(kind), C(key) and C(action) of each.
  type: list
  elements: dict
  returned: success
beyond:
  description: What goes further than is done unasked.
  type: list
  elements: str
  returned: in check mode
steps: {description: What the activator said it was doing., type: list, elements: str, returned: always}
phase: {description: Where the activator stopped., type: str, returned: failure}
restored: {description: Whether the previous state is back in force., type: bool, returned: failure}
seconds: {description: How long the activation took., type: float, returned: when something changed}
"""

import base64
import json
import subprocess

from ansible.module_utils.basic import AnsibleModule

OPTIONS = {
    "state": {"type": "str", "choices": ["active", "verified", "rolled_back", "prepared"], "default": "active"},
    "release": {"type": "str"},
    "record": {"type": "path"},
    "allow": {"type": "list", "elements": "str"},
    "command": {"type": "str"},
    "payload": {"type": "str", "no_log": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    if not module.params["command"] or not module.params["payload"]:
        module.fail_json(
            msg="this module works through its action plugin, which computes the release on the controller: "
            "call it by its whole name, vaguemestre.mssante.host"
        )
    events, code, words = activator(module.params["command"], base64.b64decode(module.params["payload"]))
    steps = [event["text"] for event in events if event["event"] == "step"]
    answer = next((event for event in events if event["event"] == "result"), None)
    if answer is None:
        module.fail_json(msg=f"the activator ended without a result (exit code {code}): {words}", steps=steps)
    told = report(answer, diff=module._diff)
    if told.pop("failed", False):
        module.fail_json(steps=steps, **told)
    module.exit_json(steps=steps, **told)


def activator(command: str, payload: bytes) -> tuple[list[dict], int, str]:
    """Run it, feeding it its payload; its events, its exit code and its last words."""
    done = subprocess.run(command, shell=True, input=payload, capture_output=True, check=False)  # noqa: S602 - quoted
    lines = done.stdout.decode(errors="replace").splitlines()
    events = [event for line in lines if (event := event_of(line))]
    return events, done.returncode, done.stderr.decode(errors="replace")[-2000:]


def event_of(line: str) -> dict | None:
    """The activator's event on this line; whatever else a host prints is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("event") in ("step", "result") else None


def report(answer: dict, *, diff: bool) -> dict:
    """The activator's result in Ansible's terms."""
    kind = answer["result"]
    if kind == "failed":
        return {"failed": True, "msg": answer["message"], **pick(answer, "phase", "restored", "live")}
    if kind == "status":
        return verdict(answer)
    changes = answer["changes"]
    told = {"changes": brief(changes), **pick(answer, "release", "previous", "seconds")}
    told["live"] = answer["live"] if kind == "plan" else answer["release"]
    told["changed"] = bool(changes) if kind == "plan" else answer["changed"]
    if kind == "plan":
        told["whole"] = changes  # for the action plugin, which holds them against the limits and keeps them to itself
    return told | ({"diff": diffs(changes)} if diff else {})


def verdict(answer: dict) -> dict:
    """Whether the host is what it should be; what is not is said."""
    wrong = [f"{change['kind']} {change['key']}: {change['action']}" for change in answer["drift"]]
    wrong += [f"{unit} does not run with what is on its disk" for unit in answer["stale"]]
    wrong += [f"{unit} is {state}" for unit, state in answer["units"].items() if state in ("failed", "inactive")]
    if answer["interrupted"]:
        wrong.append("an activation was cut short; the next one finishes or undoes it")
    if answer["live"] != answer["expected"]:
        wrong.append(f"release {short(answer['live'])} is live, the inventory says {short(answer['expected'])}")
    told = {"changed": False, "release": answer["expected"], "changes": brief(answer["drift"]), "live": answer["live"]}
    return told | ({"failed": True, "msg": "; ".join(wrong)} if wrong else {})


def short(release: str | None) -> str:
    return release[:12] if release else "none"


def brief(changes: list[dict]) -> list[dict]:
    return [pick(change, "kind", "key", "action") for change in changes]


def diffs(changes: list[dict]) -> list[dict]:
    return [
        {"prepared": change["diff"] or f"{change['kind']} {change['key']}: {change['action']}\n"} for change in changes
    ]


def pick(answer: dict, *names: str) -> dict:
    return {name: answer[name] for name in names if name in answer}


if __name__ == "__main__":
    main()
