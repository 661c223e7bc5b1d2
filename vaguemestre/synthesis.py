"""From a declared host to its release: run its roles, in order of need, on what they may know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import Establishment, Fleet, Host, RoleName
from vaguemestre.release import Item, Release
from vaguemestre.secrets import Secrets


@cache
def role(name: RoleName) -> ModuleType:
    """The module of a role, with `NEEDS` and `items(context)`."""
    return import_module(f"roles.{name.value}")


def context(
    fleet: Fleet, establishment: Establishment, host: Host, secrets: Mapping[str, str] | None = None
) -> Context:
    """What the roles of this host may know, read from the inventory's folder.

    `secrets`, when given, stand for the versions in the store of secrets, which is then not read.

    Raises:
        ReleaseError: the trust anchors cannot be read.
        SecretsError: a secret cannot be read.
    """
    settings = establishment.settings
    list_anchors, directory_anchors = settings.trust.white_list.anchors, settings.directory.anchors
    return Context(
        host=host,
        establishment=establishment,
        served=fleet.served_by(establishment),
        settings=settings,
        anchors=_anchors(fleet.root / settings.trust.anchors),
        secrets=Secrets(fleet.root / settings.secrets).versions(host.name) if secrets is None else secrets,
        list_anchors=_anchors(fleet.root / list_anchors) if list_anchors else "",
        directory_anchors=_anchors(fleet.root / directory_anchors) if directory_anchors else "",
    )


def _anchors(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise ReleaseError(
            f"{file}: the trust anchors cannot be read: {error.strerror}\n"
            "    see trust.anchors, trust.white_list.anchors and directory.anchors"
        ) from error


def synthesise(context: Context) -> Release:
    """The release of one host; pure.

    Raises:
        ReleaseError: the roles contradict each other, or a template or a secret is missing.
    """
    return Release.of(context.host.name, context.host.debian, _authored(context))


def _authored(context: Context) -> Iterator[tuple[str, Item]]:
    for name in RoleName:  # declared in order of need
        if context.host.has(name):
            for item in role(name).items(context):
                yield name.value, item
