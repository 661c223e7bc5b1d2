#!/usr/bin/python
"""Documentation of what the action plugin of this name does; nothing of it happens on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
short_description: Keep the record of a rollout, and say whether a wave may begin
description:
  - Used by the collection's own playbook C(rollout.yml), step by step. All of it happens on the controller, beside the
    inventory of establishments, except that hosts are claimed for the rollout.
  - The releases of all hosts are made once, by O(step=begin), and kept with the record; whoever edits the inventory
    meanwhile changes the next rollout.
options:
  step:
    description:
      - V(begin) makes and keeps the releases of O(hosts) and claims them; with O(rollout), goes on with that one.
      - V(open) tells which of O(hosts) are outside their maintenance windows.
      - V(admit) tells which of O(hosts) must be left alone, because another rollout has them or O(changing) are too
        many at once; and renews the claims.
      - V(note) writes down how this host fares.
      - V(end) writes down that the rollout is over, and gives the claims up.
    choices: [begin, open, admit, note, end]
    required: true
    type: str
  rollout:
    description: With O(step=begin), the ID of a rollout to go on with.
    type: str
  record:
    description: The record, as O(step=begin) returned it.
    type: path
  hosts:
    description: The hosts in question.
    type: list
    elements: str
  changing:
    description: With O(step=admit), those of them that serve now and would change.
    type: list
    elements: str
  behaviour:
    description: With O(step=begin), the rollout asks how hosts behave after each change, with real mail.
    type: bool
  outside_window:
    description: With O(step=begin), maintenance windows do not count.
    type: bool
  allow:
    description: With O(step=begin), what may go beyond the usual limits.
    type: list
    elements: str
  result:
    description: With O(step=note), how the host fares.
    choices: [waiting, under-way, done, put-back, not-begun, refused, busy, unreachable, failed]
    type: str
  reason:
    description: With O(step=note), why.
    type: str
  live:
    description: With O(step=note), the id of the release that is live on it.
    type: str
  changed:
    description: With O(step=note), whether the rollout has changed it.
    type: bool
attributes:
  check_mode:
    description: Nothing is recorded, and no host claimed, in check mode; the playbook leaves these steps out.
    support: none
author:
  - The maintainers of Vaguemestre (@vaguemestre)
"""

EXAMPLES = r"""
- name: Releases are made, once, and hosts are claimed
  vaguemestre.mssante.rollout:
    step: begin
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
  register: begun
"""

RETURN = r"""
record: {description: The file of the record., type: str, returned: O(step=begin)}
rollout: {description: The rollout's ID., type: str, returned: O(step=begin)}
left: {description: The hosts that are still to be dealt with., type: list, elements: str, returned: O(step=begin)}
refused: {description: Why hosts must be left alone., type: dict, returned: O(step=begin) and O(step=admit)}
closed: {description: Why hosts must not be changed now., type: dict, returned: O(step=open)}
before: {description: Id of the release that was live before the rollout., type: str, returned: O(step=note)}
has_changed: {description: Whether the rollout has changed the host., type: bool, returned: O(step=note)}
ending: {description: How the rollout ended., type: str, returned: O(step=end)}
"""

from ansible.module_utils.basic import AnsibleModule

RESULTS = ["waiting", "under-way", "done", "put-back", "not-begun", "refused", "busy", "unreachable", "failed"]
OPTIONS = {
    "step": {"type": "str", "choices": ["begin", "open", "admit", "note", "end"], "required": True},
    "rollout": {"type": "str"},
    "record": {"type": "path"},
    "hosts": {"type": "list", "elements": "str"},
    "changing": {"type": "list", "elements": "str"},
    "behaviour": {"type": "bool"},
    "outside_window": {"type": "bool"},
    "allow": {"type": "list", "elements": "str"},
    "result": {"type": "str", "choices": RESULTS},
    "reason": {"type": "str"},
    "live": {"type": "str"},
    "changed": {"type": "bool"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=OPTIONS)
    module.fail_json(msg="this module works through its action plugin: call it by its whole name")


if __name__ == "__main__":
    main()
