"""The host's runtime: `vaguemestre.host` as one Python zip archive, the same bytes for the same sources.

It travels in the release as an ordinary file, so a host needs nothing but its Debian mirror. The archive is stored,
not deflated: compressors differ between controllers, and equal sources must give equal releases.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

PATH = "/usr/lib/vaguemestre/host.pyz"

# What the host's programs and the controller share beside the package itself; it needs no library either.
SHARED = ("vaguemestre.errors", "vaguemestre.release")

_PACKAGE = Path(__file__).parent
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
    shared = [_PACKAGE / f"{module.rpartition('.')[2]}.py" for module in SHARED]
    sources = {str(path.relative_to(_PACKAGE.parent)): path for path in (*shared, *(_PACKAGE / "host").rglob("*.py"))}
    return {
        "__main__.py": _MAIN,
        "vaguemestre/__init__.py": b"",
        **{name: path.read_bytes() for name, path in sources.items()},
    }


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.create_system = 3  # Unix, whatever the controller runs
    entry.external_attr = 0o644 << 16
    return entry
