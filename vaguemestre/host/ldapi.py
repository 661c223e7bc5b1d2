"""This host's slapd over its Unix socket: who asks is proven by the kernel (SASL EXTERNAL, RFC 4422 appendix A)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

URL = "ldapi:///"
PAUSES = (0.5, 1, 2, 4)
"""Seconds between tries: slapd takes less than one to restart, and a job that its timer starts then must not fail."""

NO_PAUSES: Sequence[float] = ()
"""For whoever tries again by itself."""


@contextmanager
def connected(url: str = URL, seconds: float = 60, pauses: Sequence[float] = PAUSES) -> Iterator[Any]:
    """A connection of python-ldap as whoever this process is to slapd, which has so many `seconds` for each answer.

    A slapd that is being restarted is waited for, for the sum of `pauses`.

    Raises:
        ldap.LDAPError: it is not there, or refuses.
    """
    connection = _patiently(url, seconds, pauses)
    try:
        yield connection
    finally:
        connection.unbind_s()


def words(error: Exception) -> str:
    """python-ldap keeps a dictionary in its first argument; a person wants its words."""
    facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return "; ".join(str(facts[key]) for key in ("desc", "info") if facts.get(key)) or str(error)


def _patiently(url: str, seconds: float, pauses: Sequence[float]) -> Any:
    import ldap

    for pause in pauses:  # python-ldap's ReconnectLDAPObject would first bind anonymously
        with suppress(ldap.SERVER_DOWN):
            return _bound(url, seconds)
        time.sleep(pause)
    return _bound(url, seconds)


def _bound(url: str, seconds: float) -> Any:
    import ldap
    import ldap.sasl

    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, seconds)
    connection.timeout = seconds
    try:
        connection.sasl_non_interactive_bind_s("EXTERNAL")
    except ldap.LDAPError:
        connection.unbind_s()
        raise
    return connection
