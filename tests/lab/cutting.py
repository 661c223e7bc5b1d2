"""A proxy that dies in the middle of a download, for tests of what apt leaves behind then."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def cut_after(proxy: str, address: str, megabytes: float) -> Iterator[str]:
    """The URL of a proxy at `address` that hands on to `proxy` and is gone once so much has come through it."""
    left = [int(megabytes * 1_000_000)]
    with socket.create_server((address, 0)) as server:
        threading.Thread(target=_serve, args=(server, urlsplit(proxy), left), daemon=True).start()
        yield f"http://{address}:{server.getsockname()[1]}"
        left[0] = 0


def _serve(server: socket.socket, behind: object, left: list[int]) -> None:
    host, port = behind.hostname, behind.port  # type: ignore[attr-defined]
    with suppress(OSError):
        while left[0] > 0:
            client, _ = server.accept()
            upstream = socket.create_connection((host, port))
            threading.Thread(target=_pump, args=(client, upstream, None), daemon=True).start()
            threading.Thread(target=_pump, args=(upstream, client, left), daemon=True).start()
    server.close()


def _pump(source: socket.socket, sink: socket.socket, left: list[int] | None) -> None:
    with suppress(OSError), source, sink:
        while chunk := source.recv(65536):
            if left is not None:
                left[0] -= len(chunk)
                if left[0] <= 0:
                    return
            sink.sendall(chunk)
