"""What Dovecot holds for a domain, folder by folder, so that two hosts can be compared."""

from __future__ import annotations

import subprocess

_FIELDS = ("messages", "vsize", "uidvalidity", "uidnext")
Counted = dict[str, dict[str, list[int]]]
"""Address -> folder -> messages, bytes, UIDVALIDITY, UIDNEXT."""


def counted(domain: str) -> Counted:
    """Of every mailbox that receives; one that has no mail yet, and no folder, has nothing to be compared.

    Raises:
        OSError, subprocess.SubprocessError: Dovecot does not say.
    """
    argv = ["/usr/bin/doveadm", "-f", "tab", "mailbox", "status", "-u", f"*@{domain}", " ".join(_FIELDS), "*"]
    done = subprocess.run(argv, capture_output=True, timeout=3600, check=True)
    return parsed(done.stdout.decode())


def parsed(table: str) -> Counted:
    """The table of ``doveadm -f tab``: a line of headers, then a line for each folder."""
    header, *lines = table.splitlines() or [""]
    names, found = header.lower().split("\t"), Counted()
    for line in lines:
        row = dict(zip(names, line.split("\t"), strict=True))
        folders = found.setdefault(row["username"], {})
        folders[row["mailbox"]] = [int(row[field]) for field in _FIELDS]
    return found
