"""The host's runtime: the programs of `vaguemestre.host` as one Python zip archive, same bytes for same sources.

It travels in the release as an ordinary file, so a host needs nothing but its Debian mirror. The activator is not in
it: it brings releases, so it comes apart from them (`vaguemestre.engines.wire`). The archive is stored, not deflated:
compressors differ between controllers, and equal sources must give equal releases.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

PATH = "/usr/lib/vaguemestre/host.pyz"

_PACKAGE = Path(__file__).parent
_ACTIVATOR = {"activate.py", "activator", "health"}
_MAIN = b"import sys\n\nfrom vaguemestre.host.main import main\n\nsys.exit(main(sys.argv[1:]))\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can hold


@cache
def archive() -> bytes:
    """The archive; run it with ``python3 /usr/lib/vaguemestre/host.pyz``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as zipped:
        for name, content in sorted(_members().items()):
            zipped.writestr(_entry(name), content)
    return buffer.getvalue()


def _members() -> dict[str, bytes]:
    """The package's own `__init__` stays behind: it asks for an installed distribution, which a host has not."""
    host = _PACKAGE / "host"
    paths = [path for path in host.rglob("*.py") if path.relative_to(host).parts[0] not in _ACTIVATOR]
    programs = {str(path.relative_to(_PACKAGE.parent)): path.read_bytes() for path in paths}
    return {"__main__.py": _MAIN, "vaguemestre/__init__.py": b"", **programs}


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.create_system = 3  # Unix, whatever the controller runs
    entry.external_attr = 0o644 << 16
    return entry
