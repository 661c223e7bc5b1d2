"""The one filter: the groups of waves and a play's hosts become the sizes of its batches."""

from __future__ import annotations

DOCUMENTATION = r"""
name: batches
short_description: The sizes of a rollout's batches, one a wave
description:
  - For C(serial) of a play, so that all hosts of a wave go together and the next wave waits for them.
positional: _input, hosts
options:
  _input:
    description: Ansible's groups with their hosts, which is C(groups).
    type: dict
    required: true
  hosts:
    description: The hosts that take part, which is C(ansible_play_hosts_all).
    type: list
    elements: str
    required: true
author:
  - The maintainers of Vaguemestre (@vaguemestre)
"""

EXAMPLES = r"""
- name: Wave after wave
  hosts: vaguemestre
  order: inventory
  serial: "{{ groups | vaguemestre.mssante.batches(ansible_play_hosts_all) }}"
"""

RETURN = r"""
_value:
  description: How many of the hosts are in each wave, first wave first; waves of which none takes part are left out.
  type: list
  elements: int
"""

from collections.abc import Callable, Collection, Mapping

from ansible_collections.vaguemestre.mssante.plugins.plugin_utils import kit


class FilterModule:
    def filters(self) -> dict[str, Callable[..., list[int]]]:
        return {"batches": batches}


def batches(groups: Mapping[str, Collection[str]], hosts: Collection[str]) -> list[int]:
    """Ansible loads its filters before it knows whether it needs them: the kit is asked for when it does."""
    kit.require()
    from vaguemestre.engines import ansible

    return ansible.batches(groups, hosts)
