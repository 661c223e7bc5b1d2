"""Ansible's inventory from the establishments' files, for projects that name their sources in YAML."""

from __future__ import annotations

DOCUMENTATION = r"""
name: establishments
short_description: The hosts of an inventory of establishments
description:
  - Reads the same files as the command C(vaguemestre), checks them the same way, and gives every host with its address,
    user, SSH key and host keys.
  - Groups are V(wave_1) and so on, each establishment's name with underscores (V(ch_lens)), and V(role_postfix) and so
    on. Hosts stand in the order of their waves.
options:
  plugin:
    description: This plugin.
    required: true
    choices: [vaguemestre.mssante.establishments]
    type: str
  folder:
    description:
      - The folder of C(inventory.yml) and the establishments' files, relative to the file that says so.
    required: true
    type: str
author:
  - The maintainers of Vaguemestre (@vaguemestre)
"""

EXAMPLES = r"""
# production.vaguemestre.yml, then `ansible-inventory -i production.vaguemestre.yml --graph`
plugin: vaguemestre.mssante.establishments
folder: inventories/production
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible_collections.vaguemestre.mssante.plugins.plugin_utils import kit

SUFFIXES = ("vaguemestre.yml", "vaguemestre.yaml")


class InventoryModule(BaseInventoryPlugin):
    """The kit's answer to `ansible-inventory --list`, put into Ansible's own inventory."""

    NAME = "vaguemestre.mssante.establishments"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        folder = Path(path).parent / str(self.get_option("folder"))
        self._fill(self._declared(folder.resolve()))

    def _declared(self, folder: Path) -> dict[str, Any]:
        kit.require()
        from vaguemestre import inventory
        from vaguemestre.engines.ansible import ansible_inventory
        from vaguemestre.errors import VaguemestreError

        try:
            return ansible_inventory(inventory.load(folder))
        except VaguemestreError as error:
            raise AnsibleParserError(str(error)) from error

    def _fill(self, declared: dict[str, Any]) -> None:
        variables = declared.pop("_meta")["hostvars"]
        for group, members in declared.items():
            self.inventory.add_group(group)
            for host in members["hosts"]:
                self.inventory.add_host(host, group=group)
        for host, values in variables.items():
            for name, value in values.items():
                self.inventory.set_variable(host, name, value)
