"""What a role may know: one host, its establishment, those it serves, and which secrets exist in which version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import Establishment, Host, Settings
from vaguemestre.release import Credential


@dataclass(frozen=True)
class Context:
    """The argument of every role; a value, nothing in it touches a disk or a network.

    `secrets` maps the secrets that exist for this host to their versions; `anchors` is the PEM of the national
    authorities, `list_anchors` that of the authorities of the white list's server and `directory_anchors` of the
    national directory's, empty where they are the same; `served` are the establishment and those it hosts.
    """

    host: Host
    establishment: Establishment
    served: tuple[Establishment, ...]
    settings: Settings
    anchors: str
    secrets: Mapping[str, str]
    list_anchors: str = ""
    directory_anchors: str = ""

    @property
    def domains(self) -> tuple[str, ...]:
        """Every mail domain that this host's stack answers for, sorted."""
        return tuple(sorted(domain.name for one in self.served for domain in one.domains))

    def credential(
        self, path: str, secret: str, *, owner: str = "root", group: str = "root", mode: int = 0o600
    ) -> Credential:
        """The secret as a file on the host.

        Raises:
            ReleaseError: no such secret exists for this host yet.
        """
        if secret not in self.secrets:
            place = f"{self.settings.secrets}/{self.host.name}/"
            raise ReleaseError(
                f"{self.host.name}: the secret {secret} is missing from {place}\n"
                f"    put it there, mode 0600; the folder {self.settings.secrets} is the inventory's"
            )
        return Credential(path, secret, self.secrets[secret], owner, group, mode)
