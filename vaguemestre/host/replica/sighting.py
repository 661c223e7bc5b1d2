"""Asking both slapds how far they are: this host's over its Unix socket, the provider's as its replica."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from vaguemestre.host.ldapi import URL, words
from vaguemestre.host.replica.layout import BRANCHES, Settings
from vaguemestre.host.replica.standing import Sighting

SECONDS = 10  # for a slapd to answer
PATIENCE = 5.0  # seconds: a change under way is no lag


def sighted(settings: Settings, patience: float = PATIENCE) -> Sighting:
    """How far both are; when they differ, looked at again for so long."""
    end = time.monotonic() + patience
    seen = _once(settings)
    while not all(map(seen.confirms, BRANCHES)) and time.monotonic() < end:
        time.sleep(0.5)
        seen = _once(settings)
    return seen


def _once(settings: Settings) -> Sighting:
    own, why = _asked(lambda: _local())
    provider, whose = _asked(lambda: _provider(settings))
    return Sighting(time.time(), own, provider, "; ".join(filter(None, (why, whose))))


def _asked(connect: Callable[[], Any]) -> tuple[Mapping[str, str] | None, str]:
    import ldap

    connection = None
    try:
        connection = connect()
        return {word: _moment(connection, entry) for word, entry in BRANCHES.items()}, ""
    except ldap.LDAPError as error:
        return None, words(error)
    finally:
        if connection is not None:
            connection.unbind_s()


def _moment(connection: Any, entry: str) -> str:
    """Its contextCSN; empty where there is none yet, or no such entry."""
    import ldap
    from ldap.controls.simple import ManageDSAITControl

    try:
        found = connection.search_ext_s(
            entry, ldap.SCOPE_BASE, "(objectClass=*)", ["contextCSN"], serverctrls=[ManageDSAITControl(True)]
        )
    except ldap.NO_SUCH_OBJECT:
        return ""
    values = found[0][1].get("contextCSN", []) if found else []
    return max((value.decode() for value in values), default="")


def _local() -> Any:
    return _bound(URL)


def _provider(settings: Settings) -> Any:
    """Proven on both sides: its name and chain against the anchors, ours by our certificate (RFC 4422, EXTERNAL)."""
    import ldap

    def prove(connection: Any) -> None:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(settings.anchors))
        connection.set_option(ldap.OPT_X_TLS_CERTFILE, str(settings.certificate))
        connection.set_option(ldap.OPT_X_TLS_KEYFILE, str(settings.key))
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)

    return _bound(f"ldaps://{settings.provider}", prove)


def _bound(url: str, prepare: Callable[[Any], None] = lambda _: None) -> Any:
    import ldap

    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, SECONDS)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.timeout = SECONDS
    try:
        prepare(connection)
        connection.sasl_non_interactive_bind_s("EXTERNAL")
    except ldap.LDAPError as error:
        raise type(error)({"desc": f"{url}: {words(error)}"}) from error
    return connection
