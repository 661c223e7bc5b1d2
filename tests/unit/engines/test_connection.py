"""What a failed connection is told as: the host, what was heard, and the way out."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from paramiko import SSHException
from paramiko.ssh_exception import AuthenticationException, NoValidConnectionsError
from pyinfra.api.exceptions import ConnectError

from vaguemestre.engines.connection import _reason
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble, TroubleError


def target(key: str | None = None) -> Target:
    return Target("mail.a.test", "192.0.2.10", 22, "vaguemestre", "root", key, "/inventory/ssh/known_hosts")


def told(cause: Exception | None, key: str | None = None) -> TroubleError:
    """As pyinfra raises it: its own error, with paramiko's behind it."""
    try:
        try:
            raise cause or ConnectError("No such private key file")
        except Exception:
            raise ConnectError("could not connect") from None
    except ConnectError as error:
        if cause is None:
            error.__context__ = None
        return _reason(error, target(key))


def test_a_key_file_that_is_not_there_is_said_with_how_to_make_one(tmp_path: Path) -> None:
    reason = told(None, key=str(tmp_path / "vaguemestre"))
    assert reason.trouble is Trouble.REFUSED
    assert f"ssh-keygen -t ed25519 -f {tmp_path / 'vaguemestre'}" in str(reason)


def test_a_refused_key_names_both_accounts_that_may_lack_it() -> None:
    reason = told(AuthenticationException("Authentication failed."), key="/inventory/ssh/vaguemestre")
    assert "~root/.ssh before it is prepared, ~vaguemestre/.ssh after" in str(reason)


def test_a_silent_host_is_told_in_the_systems_words_without_its_numbers() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    reason = told(NoValidConnectionsError({("192.0.2.10", 22): refused}))
    assert (reason.trouble, reason.exit_code) == (Trouble.UNREACHABLE, 4)
    assert "does not answer by SSH: Connection refused\n" in str(reason)


@pytest.mark.parametrize(("words", "patience"), [("Error reading SSH protocol banner", True), ("EOF", False)])
def test_a_host_that_hangs_up_before_its_banner_may_be_asked_again_in_a_minute(words: str, patience: bool) -> None:
    assert ("try again in a minute" in str(told(SSHException(words)))) is patience
