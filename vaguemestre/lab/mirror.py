"""The Debian archive this machine already uses, read from its own apt configuration: no other mirror is ever named."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.lab.errors import LabError
from vaguemestre.lab.process import run

_KEYRINGS = Path("/usr/share/keyrings")
_DEBIAN = re.compile(r"(bullseye|bookworm|trixie|forky|oldstable|stable|testing)\Z")
_SECURITY = re.compile(r"(bullseye|bookworm|trixie|forky|oldstable|stable|testing)-security\Z")
_ONE_LINE = re.compile(r"deb\s+(?:\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")
OTHER_MIRROR = 'or name one: VAGUEMESTRE_APT_MIRROR="ARCHIVE-URL SECURITY-URL"'


@dataclass(frozen=True)
class Mirror:
    """Where Debian comes from. `security` is None when the machine names no security archive."""

    archive: str
    security: str | None

    @classmethod
    def of_machine(cls, apt: Path = Path("/etc/apt")) -> Mirror:
        """Read the machine's sources, in both formats of sources.list(5); raises LabError when none is Debian's."""
        named = os.environ.get("VAGUEMESTRE_APT_MIRROR", "").split()
        if named:
            return cls(named[0].rstrip("/"), named[1].rstrip("/") if len(named) > 1 else None)
        sources = list(_sources(apt))
        archives = [uri for uri, suite in sources if _DEBIAN.match(suite)]
        if not archives:
            raise LabError(f"no Debian archive in {apt}/sources.list or {apt}/sources.list.d: add one, {OTHER_MIRROR}")
        security = next((uri for uri, suite in sources if _SECURITY.match(suite)), None)
        return cls(archives[0], security)

    def lines(self, suite: str) -> list[str]:
        """One-line sources for a suite, fit for a guest behind the lab's package cache."""
        archive = cacheable(self.archive)
        lines = [f"deb {archive} {suite} main", f"deb {archive} {suite}-updates main"]
        return lines + ([f"deb {cacheable(self.security)} {suite}-security main"] if self.security else [])


def cacheable(uri: str) -> str:
    """The URI as apt-cacher-ng wants it: to cache a TLS archive too, ask for http://HTTPS///host/path."""
    return "http://HTTPS///" + uri.removeprefix("https://") if uri.startswith("https://") else uri


def upstream_proxy() -> str | None:
    """The proxy by which this machine's apt reaches its mirror, if it has one."""
    said = run(["apt-config", "dump", "Acquire::http::Proxy"]).stdout.decode()
    found = re.search(r'^Acquire::http::Proxy "(.+)";', said, re.MULTILINE)
    return None if found is None or found.group(1).upper() == "DIRECT" else found.group(1)


def keyring(suite: str, keyrings: Path = _KEYRINGS) -> Path:
    """Debian's archive keyring, once it is known to hold the keys of `suite`; raises LabError otherwise."""
    for name in ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp"):
        if (keyrings / name).exists() and any(keyrings.glob(f"debian-archive-{suite}-*")):
            return keyrings / name
    raise LabError(
        f"this machine's debian-archive-keyring does not hold the keys of {suite}: "
        "apt-get install --only-upgrade debian-archive-keyring"
    )


def _sources(apt: Path) -> Iterator[tuple[str, str]]:
    parts = sorted((apt / "sources.list.d").glob("*"))
    for path in [apt / "sources.list", *(part for part in parts if part.suffix == ".list")]:
        yield from _one_line(path.read_text() if path.exists() else "")
    for path in (part for part in parts if part.suffix == ".sources"):
        yield from _deb822(path.read_text())


def _one_line(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        found = _ONE_LINE.match(line.strip())
        if found and "main" in found["components"].split("#")[0].split():
            yield found["uri"].rstrip("/"), found["suite"]


def _deb822(text: str) -> Iterator[tuple[str, str]]:
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields = {
            name.lower(): " ".join(value.split())
            for name, value in re.findall(r"^(\S+):((?:.*)(?:\n[ \t].*)*)", stanza, re.M)
        }
        wanted = "deb" in fields.get("types", "").split() and "main" in fields.get("components", "").split()
        if wanted and fields.get("enabled", "yes").lower() not in ("no", "false"):
            yield from (
                (uri.rstrip("/"), suite) for uri in fields["uris"].split() for suite in fields["suites"].split()
            )
