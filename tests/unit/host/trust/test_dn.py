"""Distinguished names: every spelling of one name has one key, and two names never share one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.host.trust import dn
from vaguemestre.host.trust.dn import DnError, key, key_of
from vaguemestre.pki.profiles import CertificateRequest, leaf_subject

# A test's names need not have the lengths of RFC 5280.
pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length")

WRITTEN = "CN=mx.etab.test,OU=1990000001,O=CENTRE HOSPITALIER FICTIF,ST=Paris (75),C=FR"


def named(*parts: tuple[str, str]) -> x509.Name:
    """A name in DER order, whatever may be in it."""
    kinds = {"CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "O": NameOID.ORGANIZATION_NAME}
    kinds |= {"ST": NameOID.STATE_OR_PROVINCE_NAME, "L": NameOID.LOCALITY_NAME, "C": NameOID.COUNTRY_NAME}
    return x509.Name([x509.NameAttribute(kinds[kind], value, _validate=False) for kind, value in parts])


SUBJECT = leaf_subject(CertificateRequest("mx.etab.test", "CENTRE HOSPITALIER FICTIF", "Paris (75)", "1990000001"))


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(WRITTEN, id="as published"),
        pytest.param(WRITTEN.replace(",", ", "), id="blanks after commas"),
        pytest.param(WRITTEN.replace(",OU", " ,OU"), id="a blank at the end of the CN"),
        pytest.param(WRITTEN.replace(" (75)", "(75)"), id="no blank before the department's number"),
        pytest.param(WRITTEN.replace("ST=", "L="), id="L for ST"),
        pytest.param(WRITTEN.replace("ST=", "S="), id="S for ST, as Java writes it"),
        pytest.param(WRITTEN.replace(" HOSP", "   HOSP"), id="several blanks"),
        pytest.param(WRITTEN.replace(" HOSP", "\u00a0HOSP"), id="a no-break blank"),
        pytest.param(WRITTEN.replace(" FICTIF", "\nFICTIF"), id="a line end"),
        pytest.param(WRITTEN.replace("FICTIF", "FIC\u200bTIF"), id="a zero-width blank from a word processor"),
        pytest.param(WRITTEN.replace("CENTRE HOSPITALIER FICTIF", '"CENTRE HOSPITALIER FICTIF"'), id="quoted"),
        pytest.param(WRITTEN.replace("HOSPITALIER", '"HOSPITALIER"'), id="quotes inside"),
        pytest.param(WRITTEN.replace("HOSPITALIER", '\\"HOSPITALIER\\"'), id="escaped quotes inside"),
        pytest.param(WRITTEN.replace("HOSPITALIER", "\\48OSPITALIER"), id="a hexadecimal pair"),
        pytest.param(WRITTEN.replace("CN=mx.etab", "cn=MX.Etab"), id="another case"),
        pytest.param(WRITTEN.replace(",", ";"), id="semicolons, RFC 2253 section 4"),
        pytest.param(WRITTEN.replace("O=C", "OID.2.5.4.10=C"), id="an OID for O"),
        pytest.param(",".join(reversed(WRITTEN.split(","))), id="in DER order"),
        pytest.param(f"  {WRITTEN}\n", id="blanks around"),
    ],
)
def test_every_known_spelling_means_the_certificate(spelling: str) -> None:
    assert key(spelling) == key_of(SUBJECT)


@pytest.mark.parametrize(
    "other",
    [
        WRITTEN.replace("mx.", "mx2."),
        WRITTEN.replace("1990000001", "1990000002"),
        WRITTEN.replace("OU=1990000001,", ""),
        WRITTEN.replace("CN=mx.etab.test,", ""),
        WRITTEN.replace("FICTIF", "FICTIVE"),
        WRITTEN.replace("FR", "BE"),
        WRITTEN.replace("(75)", "(76)"),
        f"{WRITTEN},OU=1990000001",
        WRITTEN.replace(",OU=", "+OU="),
        WRITTEN.replace(",OU=1990000001", "\\,OU=1990000001"),
        WRITTEN.replace("Paris", "Pàris"),
        WRITTEN.replace("CN=", "UID="),
    ],
)
def test_whatever_else_differs_is_another_name(other: str) -> None:
    assert key(other) != key(WRITTEN)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=a,OU=b", "CN=a\\,OU=b"),
        ("CN=a,OU=b", "CN=a+OU=b"),
        ("CN=a,OU=b", "CN=b,OU=a"),
        ("CN=a,O=b,O=c", "CN=a,O=bc"),
        ("CN=a\\,OU\\=b", "CN=a,OU=b"),
        ("CN=1:a", "CN=a"),
        ("CN=a,CN=a", "CN=a"),
        ("CN=a+O=b,CN=c+O=d", "CN=a+O=d,CN=c+O=b"),
        ("CN=a,ST=b,L=c", "CN=a,ST=b"),
    ],
)
def test_a_value_never_passes_for_a_separator(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    "text",
    ["", " ", "CN", "CN=", 'CN=""', "CN=a,", ",CN=a", "CN=a,b", "CN=a,,O=b", "=a", "CN=#0c0161", "NOM=a", "1.2=a=b,",
     '"', 'CN="a', "CN=a\\", "CN=a\\x", "CN=\\c3", "CN=\\ff\\fe", "CN=a\\00", "CN=a\x00b", "CN=a\x1bb", "C\\4e=a",
     "CN=a,O=\u200b", "CN=\u212a", "CN=\u0130", "CN=\ud800", "3.1=a", "CN=" + "a" * 5000],
)  # fmt: skip
def test_what_cannot_be_read_in_one_way_is_refused(text: str) -> None:
    with pytest.raises(DnError):
        key(text)


@pytest.mark.parametrize(
    "value",
    ["mx.etab.test\x00.pirate.test", "mx\n.etab.test", "mx\t.etab.test", "mx.etab\u200b.test", "mx\u202e.etab.test",
     "mx\u00ad.etab.test", "mx\u2028.etab.test", "mx.etab.test\x7f", "  ", '""', "m\u212a.etab.test"],
)  # fmt: skip
def test_a_certificate_with_what_nobody_sees_is_refused(value: str) -> None:
    with pytest.raises(DnError):
        key_of(named(("C", "FR"), ("OU", "1990000001"), ("CN", value)))


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(DnError, match="empty"):
        key_of(x509.Name([]))


def test_a_value_that_is_no_text_is_refused() -> None:
    bits = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x01", x509.name._ASN1Type.BitString)
    with pytest.raises(DnError, match="no text"):
        key_of(x509.Name([*named(("CN", "mx.etab.test")), bits]))


def test_a_quoted_comma_belongs_to_the_value() -> None:
    assert key('CN=a,O="B, C"') == key("CN=a,O=B\\, C") == key_of(named(("O", "B, C"), ("CN", "a")))


def test_the_text_of_a_name_is_fit_for_a_log_whatever_is_in_it() -> None:
    written = dn.text_of(named(("O", 'A "B", C\\ = \x00\n\u202e'), ("CN", "#a ")))
    assert written == 'CN=\\#a\\ ,O=A \\"B\\"\\, C\\\\ \\= \\00\\0a\\e2\\80\\ae'


def test_the_text_of_a_name_has_its_key() -> None:
    name = named(("ST", "Corse-du-Sud (2A)"), ("O", 'L\'"ÉTÉ", #1 + <2>;'), ("OU", " 110B0000001"), ("CN", "mx"))
    assert key(dn.text_of(name)) == key_of(name)


def test_organisation_and_number_are_read_out_of_a_name() -> None:
    assert dn.values('CN=a,OU=1990000001,O="SAS  X, \nY",C=FR', "O") == ("SAS X, Y",)
    assert dn.values(WRITTEN, "OU") == ("1990000001",)


def test_the_common_name_is_the_only_one_or_none() -> None:
    assert dn.common_name(SUBJECT) == "mx.etab.test"
    assert dn.common_name(named(("CN", "a"), ("CN", "b"))) is None
    assert dn.common_name(named(("O", "a"))) is None


VALUES = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), min_size=1, max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["CN", "OU", "O", "ST", "C"]), VALUES), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_certificate_and_its_text_agree_for_any_letters(parts: list[tuple[str, str]]) -> None:
    name = named(*parts)
    try:
        expected = key_of(name)
    except DnError:
        return
    assert key(dn.text_of(name)) == expected


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_key_or_is_refused(text: str) -> None:
    with suppress(DnError):
        assert len(key(text)) == 16
