"""All fuzzers; a new one is imported and named here."""

from __future__ import annotations

from fuzz import addresses, certificates, faces, names, white_list
from fuzz.fuzzer import Fuzzer

FUZZERS: tuple[Fuzzer, ...] = (
    names.FUZZER,
    addresses.DOMAINS,
    addresses.COMMANDS,
    addresses.BARE,
    addresses.HEADERS,
    white_list.FUZZER,
    certificates.CERTIFICATES,
    certificates.LISTS,
    certificates.ANSWERS,
    faces.POLICY,
    faces.MAPS,
    faces.AUTH,
    faces.MILTER,
)
