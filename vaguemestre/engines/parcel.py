"""What is sent to one host: its release, and apart from it the bytes of the secrets that the release names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from vaguemestre import synthesis
from vaguemestre.context import Context
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, Host, RoleName
from vaguemestre.release import Release
from vaguemestre.secrets import Secrets


class CredentialError(VaguemestreError):
    """A host's certificate or key will not do; nothing was sent anywhere."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Parcel:
    """For one host. `secrets` maps the names of the release's secrets to their bytes; keep it out of every log."""

    release: Release
    secrets: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"Parcel({self.release.host}, {self.release.id[:12]}, {len(self.secrets)} secrets)"


def pack(fleet: Fleet, establishment: Establishment, host: Host) -> Parcel:
    """What this host is sent.

    Raises:
        ReleaseError: its roles contradict each other, or a secret is missing.
        SecretsError: a secret cannot be read.
        CredentialError: its certificate is expired, for another host, from another authority...
    """
    context = synthesis.context(fleet, establishment, host)
    release = synthesis.synthesise(context)
    store = Secrets(fleet.root / context.settings.secrets)
    secrets = {one.secret: store.read(host.name, one.secret) for one in release.credentials}
    problems = _wrong_credentials(context, secrets) if host.has(RoleName.PKI) else []
    if problems:
        raise CredentialError("\n".join(problems) + f"\n    they are in {store.root / host.name}; nothing was sent")
    return Parcel(release, secrets)


def _wrong_credentials(context: Context, secrets: Mapping[str, bytes]) -> Iterable[str]:
    from vaguemestre.pki.check import problems

    return problems(context.host.name, secrets["tls.pem"], secrets["tls.key"], context.anchors, datetime.now(UTC))
