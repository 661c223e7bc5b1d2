"""The words of LDAP that verification speaks, held to what a real slapd said and took."""

from __future__ import annotations

import pytest

from vaguemestre.verify import address_book as book

# From RFC 4511 section 5.1: an unbind, and any length in the long form.
UNBIND = bytes.fromhex("3005020105") + bytes.fromhex("4200")
# A SearchResultEntry (RFC 4511 section 4.5.2) of mail=a@b.test,o=nation: two values of cn, one of l.
FOUND = bytes.fromhex(
    "04 16 6d61696c3d6140622e746573742c6f3d6e6174696f6e"
    "30 1d 30 0e 04 02 636e 31 08 04 01 41 04 03 c38941 30 0b 04 01 6c 31 06 04 04 4c656e73"
)


def test_a_short_value_has_its_length_in_one_byte_and_a_long_one_in_as_many_as_it_needs() -> None:
    assert book._value(0x04, b"x" * 127)[:2] == b"\x04\x7f"
    assert book._value(0x04, b"x" * 128)[:3] == b"\x04\x81\x80"
    assert book._value(0x04, b"x" * 256)[:4] == b"\x04\x82\x01\x00"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 70_000])
def test_what_is_written_is_read_again(size: int) -> None:
    written = book._value(0x04, b"x" * size) + book._value(0x02, b"\x07")
    assert book._parts(written) == [(0x04, b"x" * size), (0x02, b"\x07")]


def test_a_message_is_a_sequence_of_its_number_and_its_operation() -> None:
    assert book._message(5, b"\x42\x00") == UNBIND


def test_an_entry_is_read_with_all_its_values() -> None:
    assert book._entry(FOUND) == {"cn": ("A", "ÉA"), "l": ("Lens",)}


def test_a_refused_login_is_an_error_with_its_code() -> None:
    refused = book._value(0x0A, b"\x31") + book._text("") + book._text("no")
    with pytest.raises(book.AddressBookError, match="49"):
        book._outcome((0x61, refused))


def test_nobody_found_is_no_error() -> None:
    nobody = book._value(0x0A, b"\x20") + book._text("o=vaguemestre") + book._text("")
    assert list(book._entries(iter([(0x65, nobody)]))) == []
