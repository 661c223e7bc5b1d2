"""The lab laid over its inventory: written addresses become those of the lab that is up, and the way to reach them.

The lab may have had to take another network than the one written (two labs on one machine, a network in use), so a
host keeps its place in the network, not its address.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from vaguemestre.establishment import Establishment, Fleet, Host, Settings
from vaguemestre.nation import NationalDirectory, Trust
from vaguemestre.publishing import Publication

if TYPE_CHECKING:
    from vaguemestre.lab import State

VARIABLE = "VAGUEMESTRE_LAB"


def lab_name() -> str:
    """The lab instance meant: $VAGUEMESTRE_LAB, else ``lab``."""
    return os.environ.get(VARIABLE) or "lab"


def overlaid(fleet: Fleet) -> Fleet:
    """The fleet as its lab really is, or `fleet` itself when it is no lab's or its lab is down."""
    if fleet.settings.lab is None:
        return fleet
    from vaguemestre.lab import Lab

    state = Lab.open(lab_name()).state()
    return fleet if state is None else over(fleet, state)


def over(fleet: Fleet, state: State) -> Fleet:
    """`fleet`, a lab's, with the addresses and settings of the lab in `state`; pure."""
    if fleet.settings.lab is None:
        raise ValueError("only a lab's inventory can be laid over a lab")
    written = fleet.settings.lab.network
    return Fleet(
        root=fleet.root,
        settings=_settings(fleet.settings, state),
        establishments=tuple(_establishment(one, written, state) for one in _up(fleet, state)),
    )


def _up(fleet: Fleet, state: State) -> tuple[Establishment, ...]:
    """The establishments that are in the lab: those of the part that was chosen, else all."""
    return (fleet.part(state.part) if state.part else fleet).establishments


def moved(address: IPv4Address, written: IPv4Network, real: IPv4Network) -> IPv4Address:
    """The address at the same place of the network `real`."""
    return real.network_address + (int(address) - int(written.network_address))


def _establishment(one: Establishment, written: IPv4Network, state: State) -> Establishment:
    hosts = tuple(_host(host, written, state) for host in one.hosts)
    return one.model_copy(update={"hosts": hosts, "settings": _settings(one.settings, state)})


def _host(host: Host, written: IPv4Network, state: State) -> Host:
    return host.model_copy(update={"address": moved(host.address, written, state.network)})


def _settings(settings: Settings, state: State) -> Settings:
    ssh = settings.ssh.model_copy(update={"key": state.ssh_key, "known_hosts": state.known_hosts})
    lab = settings.lab.model_copy(update={"network": state.network}) if settings.lab else None
    return settings.model_copy(
        update={
            "apt": settings.apt.model_copy(update={"mirror": None, "security": None, "proxy": state.apt_proxy}),
            "resolvers": (state.resolver,),
            "ssh": ssh,
            "trust": _trust(settings.trust, state),
            "directory": _directory(settings.directory),
            "publication": _publication(settings.publication),
            "secrets": state.secrets,
            "records": state.secrets.parent / "records",
            "lab": lab,
        }
    )


def _publication(publication: Publication) -> Publication:
    from vaguemestre.lab.plan import FHIR_URL

    return publication.model_copy(update={"fhir": publication.fhir.model_copy(update={"url": FHIR_URL})})


def _directory(directory: NationalDirectory) -> NationalDirectory:
    """The lab's own nation publishes; pace, limits and who may search stay as written."""
    from vaguemestre.lab.plan import EXTRACTION_URL, FHIR_URL

    api = directory.api.model_copy(update={"url": FHIR_URL})
    return directory.model_copy(update={"url": EXTRACTION_URL, "mirror": None, "anchors": None, "api": api})


def _trust(trust: Trust, state: State) -> Trust:
    """The lab's own nation; how often it is asked, and how long it may be silent, stays as written."""
    from vaguemestre.lab.plan import LIST_URL, SIGNER
    from vaguemestre.pki.profiles import NATIONAL

    sources = {"crl": (NATIONAL.crl_url, NATIONAL.root_crl_url), "ocsp": NATIONAL.ocsp_url}
    return trust.model_copy(
        update={
            "authority": "test",
            "anchors": state.anchors,
            "white_list": trust.white_list.model_copy(update={"url": LIST_URL, "anchors": None, "signer": SIGNER}),
            "revocation": trust.revocation.model_copy(update=sources),
            "proxy": None,
        }
    )
