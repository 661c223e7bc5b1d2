"""What tests ask to go wrong: faults.json, {"extraction": {...}, "fhir": {...}}, read for each request.

  status       answer with this HTTP status, with `retry_after` seconds if there are any
  html         answer 200 with a firewall's page
  wait         seconds before the answer begins
  pace         octets a second
  broken       the connection ends when this share of the body was sent
  after, times begin after so many requests, end after so many more; counted since the file was written

Further words are those of the extraction (`edition`) and of the pages (`interface.spoiled`).
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

PAGE = b"<!DOCTYPE html><html><head><title>Request Rejected</title></head><body>Support ID: 0</body></html>"


class Faults:
    """The file, and how often each service was asked since it was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[int, int, str] | None = None
        self._told: dict[str, dict[str, Any]] = {}
        self._asked = Counter[str]()
        self._one = threading.Lock()

    def of(self, service: str) -> dict[str, Any]:
        """What goes wrong with this request."""
        with self._one:
            self._refresh()
            told = self._told.get(service, {})
            asked, begin = self._asked[service], told.get("after", 0)
            self._asked[service] += 1
            if asked < begin or ("times" in told and asked >= begin + told["times"]):
                return {}
            return told

    def _refresh(self) -> None:
        """The words are part of the mark: what unpacks the file gives it whole seconds for a date."""
        mark = self._written()
        if mark != self._mark:
            self._told = json.loads(mark[2]) if mark else {}
            self._mark = mark
            self._asked.clear()

    def _written(self) -> tuple[int, int, str] | None:
        try:
            found = self._path.stat()
            return found.st_ino, found.st_mtime_ns, self._path.read_text()
        except FileNotFoundError:
            return None
