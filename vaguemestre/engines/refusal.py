"""What keeps a host from being dealt with, as errors with a way out: in the same words whichever SSH client met it."""

from __future__ import annotations

from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble, TroubleError

_TURNED_AWAY = (
    "\n    after failed logins sshd turns a machine away for a while (sshd_config(5), PerSourcePenalties): try again "
    "in a minute"
)


def changed_key(target: Target, fingerprint: str) -> TroubleError:
    return TroubleError(
        Trouble.CHANGED_KEY,
        f"{_where(target)}: its host key {fingerprint} is not the one in {_book(target)}\n"
        "    it was installed anew, or something else answers in its place. Compare, on its own console:\n"
        "    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; if it is right, put its new key in the file",
    )


def unknown_key(target: Target) -> TroubleError:
    return TroubleError(
        Trouble.UNKNOWN_KEY,
        f"{_where(target)}: its host key is not in {_book(target)}, and nothing is taken on trust\n"
        f"    ssh-keyscan -p {target.port} {target.address}, compare with its console, then add it to the file",
    )


def no_key(target: Target) -> TroubleError:
    """The file of the key is not there."""
    return TroubleError(
        Trouble.REFUSED,
        f"{_where(target)}: settings.ssh.key names {target.key}, and there is no such file\n"
        f"    ssh-keygen -t ed25519 -f {target.key}, then put {target.key}.pub into "
        f"~{target.bootstrap_user}/.ssh/authorized_keys on the host",
    )


def refused(target: Target) -> TroubleError:
    return TroubleError(
        Trouble.REFUSED,
        f"{_where(target)}: it refuses the key {target.key or 'of your SSH agent'} for {_users(target)}\n"
        "    check settings.ssh in the inventory, and authorized_keys on the host: "
        f"~{target.bootstrap_user}/.ssh before it is prepared, ~{target.user}/.ssh after",
    )


def unreachable(target: Target, words: str) -> TroubleError:
    """`words` is what the client said of it."""
    return TroubleError(
        Trouble.UNREACHABLE,
        f"{_where(target)}: it does not answer by SSH: {words}\n"
        f"    is it running, and may this machine reach it? ssh -p {target.port} {target.user}@{target.address}"
        + (_TURNED_AWAY if "banner" in words else ""),
    )


def bare(target: Target) -> TroubleError:
    return TroubleError(
        Trouble.BARE,
        f"{target.name} is not prepared yet: it admits {target.bootstrap_user}, not {target.user}\n"
        "    `vaguemestre apply` prepares it first, or do it now: vaguemestre bootstrap " + target.name,
    )


def lost(target: Target) -> TroubleError:
    return TroubleError(Trouble.LOST, f"{target.name}: the link was cut while a command was running there")


def _where(target: Target) -> str:
    return f"{target.name} ({target.address}, port {target.port})"


def _book(target: Target) -> str:
    return target.known_hosts or "~/.ssh/known_hosts"


def _users(target: Target) -> str:
    both = dict.fromkeys((target.user, target.bootstrap_user))
    return " and for ".join(f"the user {user}" for user in both)
