"""The releases of a whole inventory as its files say, without a host, a lab or a secret: for comparing and counting.

As a program, ``python -m vaguemestre.preview INVENTORY`` prints them as a JSON object, host name -> document. That is
how `vaguemestre diff` asks another revision of the project, roles and templates included, what it would make.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from vaguemestre.errors import VaguemestreError
from vaguemestre.establishment import Fleet
from vaguemestre.inventory import read
from vaguemestre.release import Release, parse
from vaguemestre.synthesis import context, synthesise


class UnknownSecrets(Mapping[str, str]):
    """Every secret there may be, in a version that is the same everywhere."""

    VERSION = "(unknown)"

    def __getitem__(self, name: str) -> str:
        return self.VERSION

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def releases(fleet: Fleet) -> dict[str, Release]:
    """Each host's release, by the host's name, in rollout order.

    Raises:
        ReleaseError: the roles of a host contradict each other, or a template is wrong.
        OSError: the trust anchors cannot be read.
    """
    secrets = UnknownSecrets()
    return {host.name: synthesise(context(fleet, one, host, secrets)) for one, host in fleet.hosts()}


def parsed(text: str) -> dict[str, Release]:
    """The releases that this module printed as a program."""
    return {host: parse(json.dumps(document).encode()) for host, document in json.loads(text).items()}


def main(path: str) -> None:
    documents = {host: json.loads(release.document()) for host, release in releases(read(Path(path))).items()}
    json.dump(documents, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (VaguemestreError, OSError) as error:
        sys.exit(str(error))
