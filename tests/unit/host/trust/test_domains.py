"""Domains and addresses: read in one way, or refused."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.host.trust.domains import Address, DomainError, address, bare, domain, header_address

LONGEST = ".".join(["a" * 49] * 5) + ".abc"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("chu-fictif.mssante.test", "chu-fictif.mssante.test"),
        ("UC-Fictif.MSSante.test", "uc-fictif.mssante.test"),
        ("etab.test.", "etab.test"),
        ("hôpital.mssante.test", "xn--hpital-ixa.mssante.test"),
        ("HÔPITAL.mssante.test", "xn--hpital-ixa.mssante.test"),
        ("ho\u0302pital.mssante.test", "xn--hpital-ixa.mssante.test"),
        ("XN--hpital-ixa.mssante.test", "xn--hpital-ixa.mssante.test"),
        ("etab。test", "etab.test"),
        (LONGEST, LONGEST),
        ("passerelle.apicrypt.test", "passerelle.apicrypt.test"),
    ],
)
def test_a_domain_becomes_its_a_labels_in_lower_case(written: str, found: str) -> None:
    assert domain(written) == found


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a..b", ".a", "a. ", " a.b", "a b.c", "a_b.test", "-a.test", "a-.test", "a" * 64 + ".test",
     f"b{LONGEST}", "192.0.2.7", "[192.0.2.7]", "[IPv6:::1]", "::1", "xn--zzzzzz.test", "a\0.test", "a\n.test",
     "a@b.test", "a/b.test", "a\u00a0b.test", "\ud800.test", "é" * 200 + ".test", "a.test:25", "*.mssante.test"],
)  # fmt: skip
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(DomainError):
        domain(text)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("MAIL FROM:<medecin@Etab.test>", Address("medecin", "etab.test")),
        ("MAIL FROM:<a@b.test> SIZE=1 BODY=8BITMIME", Address("a", "b.test")),
        ("mail from: <a@b.test>", Address("a", "b.test")),
        ("RCPT TO:<a+x@b.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b.test", Address("a+x", "b.test")),
        ('RCPT TO:<"a \\" b"@b.test>', Address('a " b', "b.test")),
        ("<a@b.test>", Address("a", "b.test")),
        ("MAIL FROM:<é@hôpital.test> SMTPUTF8", Address("é", "xn--hpital-ixa.test")),
        ("MAIL FROM:<>", None),
        ("MAIL FROM: <> AUTH=<>", None),
        ("<>", None),
    ],
)
def test_an_address_is_read_from_a_command_or_a_path(said: str, found: Address | None) -> None:
    assert address(said) == found


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("RCPT TO:<@relais.test:a@b.test>", id="a source route"),
        pytest.param("RCPT TO:<a%b.test@c.test>", id="a way by per cent"),
        pytest.param("RCPT TO:<b.test!a@c.test>", id="a way by exclamation marks"),
        pytest.param('RCPT TO:<"a@b.test"@c.test>', id="an at sign in quotes"),
        pytest.param('RCPT TO:<"a%b.test"@c.test>', id="a per cent sign in quotes"),
        pytest.param("<a@b.test> SIZE=1", id="a path with parameters, which only commands have"),
        pytest.param("", id="nothing at all"),
        pytest.param("MAIL FROM:<a@[192.0.2.7]>", id="an address literal"),
        pytest.param("MAIL FROM:<a>", id="no domain"),
        pytest.param("MAIL FROM:<@b.test>", id="no local part"),
        pytest.param("MAIL FROM:a@b.test", id="no brackets"),
        pytest.param("MAIL FROM:<a@b.test", id="one bracket"),
        pytest.param("MAIL FROM:<<a@b.test>>", id="double brackets"),
        pytest.param("MAIL FROM:<a@b.test> <c@d.test>", id="two addresses"),
        pytest.param("MAIL FROM:<a@b.test>SIZE=1", id="a parameter without a blank"),
        pytest.param("MAIL FROM:<a@b.test,c@d.test>", id="a list"),
        pytest.param("MAIL FROM:<a b@c.test>", id="a blank"),
        pytest.param("MAIL FROM:<a@b.test\0.c.test>", id="a NUL"),
        pytest.param("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>", id="a second command"),
        pytest.param("MAIL FROM:", id="nothing"),
        pytest.param('MAIL FROM:<""@b.test>', id="an empty quotation"),
        pytest.param("a" * 2000 + "@b.test", id="far too long"),
    ],
)
def test_an_address_that_two_programs_could_read_differently_is_refused(said: str) -> None:
    with pytest.raises(DomainError):
        address(said)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("a@B.test", Address("a", "b.test")),
        ("a b@c.test", Address("a b", "c.test")),
        ("<a@b.test", Address("<a", "b.test")),
        ("", None),
    ],
)
def test_an_address_as_postfix_writes_it_is_read(written: str, found: Address | None) -> None:
    assert bare(written) == found


@pytest.mark.parametrize(
    "written",
    [
        "a@b.test@c.test",
        "@b.test",
        "a@",
        "a",
        "<a@b.test>",
        "<a@b.test>@pirate.test",
        "MAIL FROM:<a@b.test>",
        "MAIL FROM:<a@b.test> X=@pirate.test",
        "a%b.test@c.test",
        "a@[192.0.2.7]",
        "a\0@b.test",
    ],
)
def test_a_local_part_that_poses_as_a_path_chooses_no_domain(written: str) -> None:
    """``MAIL FROM:<"<a@listed> X="@victim>`` reaches the policy service without its quotes."""
    with pytest.raises(DomainError):
        bare(written)


@pytest.mark.parametrize(
    "value",
    [
        "medecin@etab.test",
        "<medecin@etab.test>",
        "Dr. Jeanne Fictive <medecin@ETAB.test>",
        '"FICTIVE, Jeanne (cardiologie)" <medecin@etab.test>',
        "Jérôme Fictif <medecin@etab.test>",
        "Docteur\r\n\tFictif <medecin@etab.test>",
        "=?utf-8?Q?J=C3=A9r=C3=B4me?= <medecin@etab.test>",
        "=?utf-8?B?SsOpcsO0?=\r\n =?utf-8?Q?me?= <medecin@etab.test>",
        "=?utf-8?B?SsOpcsM=?= =?utf-8?B?tG1l?= <medecin@etab.test>",
        "=?iso-8859-1*fr?Q?J=E9r=F4me?= <medecin@etab.test>",
        '"medecin@etab.test" <medecin@etab.test>',
        "\"'Medecin@Etab.test'\" <medecin@etab.test>",
        '"Dr Fictif (medecin@etab.test)" <medecin@etab.test>',
        "=?utf-8?Q?medecin=40etab.test?= <medecin@etab.test>",
    ],
)
def test_a_from_header_of_one_address_is_read(value: str) -> None:
    assert header_address(value) == Address("medecin", "etab.test")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("Jeanne Fictive", id="a name alone"),
        pytest.param("<>", id="the null address"),
        pytest.param("a@b.test, c@d.test", id="two addresses"),
        pytest.param("A <a@b.test>, C <c@d.test>", id="two addresses with names"),
        pytest.param("equipe: a@b.test;", id="a group"),
        pytest.param("a@b.test (a comment)", id="a comment"),
        pytest.param("A (c) <a@b.test>", id="a comment in the name"),
        pytest.param("<x@pirate.test> <a@b.test>", id="brackets twice"),
        pytest.param("A <x@pirate.test <a@b.test>", id="brackets within brackets"),
        pytest.param('"A <x@pirate.test>" <a@b.test>', id="brackets in the name"),
        pytest.param('"x@pirate.test" <a@b.test>', id="another address as the name"),
        pytest.param("x@pirate.test <a@b.test>", id="another address before the brackets"),
        pytest.param('"a@b.test.pirate.test" <a@b.test>', id="a longer address as the name"),
        pytest.param("=?utf-8?Q?x=40pirate.test?= <a@b.test>", id="another address, encoded"),
        pytest.param("=?utf-8?B?eEBwaXJhdGUudGVzdA==?= <a@b.test>", id="another address, in base64"),
        pytest.param("=?utf-8?Q?x=40pirate?==?utf-8?Q?.test?= <a@b.test>", id="another address, in two words"),
        pytest.param('"=?utf-8?Q?x=40pirate.test?=" <a@b.test>', id="encoded, where it should not be decoded"),
        pytest.param("=?utf-7?Q?x+AEA-pirate.test?= <a@b.test>", id="an at sign by UTF-7"),
        pytest.param("x\uff20pirate.test <a@b.test>", id="a wide at sign"),
        pytest.param("=?utf-8?Q?x=40pirate.test=00?=@b.test", id="an encoded address that ends early"),
        pytest.param("=?utf-8?Q?A=0A=0Ax?= <a@b.test>", id="line ends in an encoded name"),
        pytest.param("=?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3D40pirate.test=3F=3D?= <a@b.test>", id="encoded twice"),
        pytest.param("=?iso-8859-1?B?6Q=== =?utf-8?b?QA==?= <a@b.test>", id="a word that swallows another"),
        pytest.param("=?utf-8?Q?A =?utf-8?Q?x=40pirate.test?= <a@b.test>", id="a word begun in another"),
        pytest.param("=?x-inconnu?Q?A?= <a@b.test>", id="an unknown character set"),
        pytest.param("=?utf-8?Q?A <a@b.test>", id="an encoded word without an end"),
        pytest.param("\u202etset.etarip\u202c <a@b.test>", id="writing turned round"),
        pytest.param("A <a@b.test>\r\nFrom: x@pirate.test", id="a second header"),
        pytest.param("A <a@b.test>\nx", id="a bare line end"),
        pytest.param("A <a@b.test> x@pirate.test", id="something behind the brackets"),
        pytest.param('"A <a@b.test>', id="a quotation without an end"),
        pytest.param("A <@relais.test:a@b.test>", id="a source route"),
        pytest.param('A <"x@pirate.test"@b.test>', id="an address as local part"),
        pytest.param("A <a@[192.0.2.7]>", id="an address literal"),
        pytest.param("A <a@b.test.>", id="a final dot"),
        pytest.param("A <a@b.test\0>", id="a NUL"),
        pytest.param("x" * 5000 + " <a@b.test>", id="far too long"),
    ],
)
def test_a_from_header_that_could_show_another_address_is_refused(value: str) -> None:
    with pytest.raises(DomainError):
        header_address(value)


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (domain, address, bare, header_address):
        with suppress(DomainError):
            read(text)


@pytest.mark.parametrize("text", ['"' * 3999, "=?" * 1999, "a " * 1999 + "<", '"\\' * 1900, "(" * 3999, "a@" * 499])
def test_nothing_takes_long(text: str) -> None:
    begun = time.process_time()
    for read in (address, header_address):
        with suppress(DomainError):
            read(text)
    assert time.process_time() - begun < 0.5
