"""A certificate is judged when it arrives, waits until peers accept its DN, and replaces the live one without a gap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from desk import DOMAINS, HOST, REQUEST, Desk, authority, key, listed

from vaguemestre.pki import making
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.extensions import key_usage
from vaguemestre.pki.faults import PkiError
from vaguemestre.pki.keys import pem
from vaguemestre.pki.making import MAIL_HOST, Purpose
from vaguemestre.pki.profiles import leaf_subject, now
from vaguemestre.pki.request import key_pem
from vaguemestre.pki.shelf import Shelf, Slot

pytestmark = pytest.mark.slow

SUBJECT = leaf_subject(REQUEST)
MOVED = leaf_subject(CertificateRequest(HOST, "Clinique Pasteur", "Eure (27)", "327000099900017"))


def named(**changes: str) -> x509.Name:
    """The national subject with other values, by short names."""
    kinds = {"ST": NameOID.STATE_OR_PROVINCE_NAME, "O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
    kinds |= {"C": NameOID.COUNTRY_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
    other = {kinds[short]: value for short, value in changes.items()}
    return x509.Name([x509.NameAttribute(one.oid, other.get(one.oid, str(one.value))) for one in SUBJECT])


def brought(issued: Issued) -> bytes:
    """Key and chain in one PEM file."""
    return issued.key_pem() + issued.chain_pem()


def refused(desk: Desk, *files: bytes) -> str:
    """What is said; nothing may have changed."""
    before = desk.snapshot()
    with pytest.raises(PkiError) as caught:
        desk.admit(*files)
    assert desk.snapshot() == before
    assert caught.value.exit_code == 2
    return str(caught.value)


def weak() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505


def long_ago(days: int) -> dict[str, object]:
    ended = now() - timedelta(days=days)
    return {"not_before": ended - timedelta(days=30), "not_after": ended}


REFUSALS: dict[str, tuple[Callable[[], dict[str, object]], str]] = {
    "order of the DN": (
        lambda: {"subject": x509.Name(list(reversed(SUBJECT.rdns)))},
        "the parts of its DN stand as CN, OU, O, ST, C; the national order is C, ST, O, OU, CN",
    ),
    "a part too many": (
        lambda: {"subject": x509.Name([*SUBJECT, x509.NameAttribute(NameOID.LOCALITY_NAME, "Évreux")])},
        "the parts of its DN stand as C, ST, O, OU, CN, L",
    ),
    "country": (lambda: {"subject": named(C="BE")}, "C is BE; expected is FR"),
    "department": (lambda: {"subject": named(ST="Orne (61)")}, "ST is Orne (61); expected is Eure (27)"),
    "organisation": (lambda: {"subject": named(O="Clinique Voisine")}, "O is Clinique Voisine; expected is"),
    "unit": (lambda: {"subject": named(OU="1270000111")}, "OU is 1270000111; expected is 1270000999"),
    "CN": (lambda: {"subject": named(CN="mta.test")}, f"CN is mta.test; expected is {HOST}"),
    "SAN": (lambda: {"names": ["mta.test"]}, "the certificate names mta.test, not this host"),
    "wildcard": (lambda: {"names": [HOST, "*.mssante.test"]}, "the trust space knows no wildcards"),
    "client only": (lambda: {"usages": [ExtendedKeyUsageOID.CLIENT_AUTH]}, "lacks the usage serverAuth"),
    "server only": (lambda: {"usages": [ExtendedKeyUsageOID.SERVER_AUTH]}, "lacks the usage clientAuth"),
    "weak key": (lambda: {"key": weak()}, "its key has 1024 bits; 2048 are the least"),
    "expired": (lambda: long_ago(1), "expired on"),
    "not yet": (lambda: {"not_before": now() + timedelta(days=2)}, "is valid only from"),
}  # fmt: skip


@pytest.mark.parametrize(("differences", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_not_what_was_asked_for_is_refused_for_its_own_reason(
    desk: Desk, differences: Callable[[], dict[str, object]], said: str
) -> None:
    told = refused(desk, brought(desk.issue(**differences())))
    assert said in told
    assert told.count(f"{HOST}: ") == 1, told
    assert told.endswith("\n    nothing was changed")


def unusual(usage: x509.KeyUsage = MAIL_HOST.usage, *, san: bool = True) -> x509.Certificate:
    """A certificate for key 1 whose extensions differ."""
    dates = (now() - timedelta(hours=1), now() + timedelta(days=90))
    names = [x509.DNSName(HOST)] if san else []
    purpose = Purpose(usage, MAIL_HOST.extended)
    one = authority()
    return making.leaf(one.issuing, one.profile, SUBJECT, key(1).public_key(), dates, names, purpose)


def resigned(hash_algorithm: hashes.HashAlgorithm, public: PublicKeyTypes) -> x509.Certificate:
    """The host's certificate as the authority would sign it with another hash or for another kind of key."""
    model = unusual()
    builder = x509.CertificateBuilder(
        model.issuer,
        model.subject,
        public,  # type: ignore[arg-type]
        model.serial_number,
        model.not_valid_before_utc.replace(tzinfo=None),
        model.not_valid_after_utc.replace(tzinfo=None),
        list(model.extensions),
    )
    return builder.sign(authority().issuing.key, hash_algorithm)  # type: ignore[arg-type]


def test_a_certificate_without_names_in_its_san_is_refused(desk: Desk) -> None:
    told = refused(desk, key_pem(key(1)), pem(unusual(san=False)))
    assert "it has no name in its SAN (dNSName)" in told


def test_a_certificate_that_may_not_sign_is_refused(desk: Desk) -> None:
    told = refused(desk, key_pem(key(1)), pem(unusual(key_usage(key_encipherment=True))))
    assert "its key usage lacks digitalSignature" in told


def test_a_signature_with_another_hash_than_sha_256_is_refused(desk: Desk) -> None:
    told = refused(desk, key_pem(key(1)), pem(resigned(hashes.SHA224(), key(1).public_key())))
    assert "it is signed with sha224, not SHA-256" in told


def test_a_key_that_is_not_rsa_is_refused(desk: Desk) -> None:
    told = refused(desk, pem(resigned(hashes.SHA256(), ec.generate_private_key(ec.SECP256R1()).public_key())))
    assert "its key is not RSA" in told


def test_a_certificate_of_another_authority_is_refused(desk: Desk) -> None:
    stranger = Authority.create().issue(REQUEST, key=key(1))  # the same names, other keys
    told = refused(desk, brought(stranger))
    assert "no issuer of CN=" in told
    assert "the authorities believed are those of trust.anchors" in told


def test_a_certificate_whose_key_is_elsewhere_is_refused(desk: Desk) -> None:
    assert "its key is not here" in refused(desk, desk.issue().chain_pem())
    desk.ask()
    assert "its key is not here" in refused(desk, desk.issue().chain_pem())


def test_all_that_is_wrong_is_said_at_once(desk: Desk) -> None:
    told = refused(desk, desk.issue(subject=named(O="Autre", ST="Orne (61)"), **long_ago(9)).chain_pem())
    assert told.count(f"{HOST}: ") == 4
    assert all(word in told for word in ("its key is not here", "expired on", "ST is", "O is"))


def test_blanks_and_case_in_the_dn_are_no_difference_as_for_peers(desk: Desk) -> None:
    desk.admit(brought(desk.issue(subject=named(O="CLINIQUE  PASTEUR", ST="Eure(27)"))))
    assert desk.shelf.chain(Slot.NEXT)


# --- what becomes of it ---


def test_an_answered_request_waits_while_the_list_does_not_name_it(desk: Desk) -> None:
    asked = desk.ask()
    done = desk.admit(*(one.public_bytes(Encoding.DER) for one in authority().certify(asked.csr)))
    assert not done.verdict.live
    assert "no peer would accept it" in done.verdict.why
    assert done.verdict.missing == DOMAINS
    assert (desk.shelf.chain(Slot.NEXT), desk.shelf.chain(Slot.LIVE)) == (done.chain, None)
    assert desk.host.store.versions(HOST) == {}


def test_without_a_list_to_look_in_it_waits_and_says_so(desk: Desk) -> None:
    done = desk.admit(brought(desk.issue()), held=None)
    assert (done.verdict.live, done.verdict.why) == (False, "its DN is new, and the white list was not looked at")


def test_what_the_list_names_goes_live_at_once(desk: Desk) -> None:
    issued = desk.issue()
    assert desk.admit(brought(issued), held=listed(SUBJECT)).verdict.live
    found = desk.shelf.chain(Slot.LIVE)
    assert found is not None
    assert (found.leaf, found.issuers) == (issued.leaf, issued.chain[1:])
    assert set(desk.host.store.versions(HOST)) == {"tls.key", "tls.pem"}


def test_domains_that_the_list_lacks_are_named_but_hold_nothing_up(desk: Desk) -> None:
    done = desk.admit(brought(desk.issue()), held=listed(SUBJECT, DOMAINS[0]))
    assert (done.verdict.live, done.verdict.missing) == (True, (DOMAINS[1],))


def test_a_renewal_with_the_same_dn_goes_live_at_once_and_keeps_the_one_before(desk: Desk) -> None:
    old = desk.issue()
    desk.install(old)
    renewed = authority().certify(desk.ask().csr)
    done = desk.admit(*(one.public_bytes(Encoding.DER) for one in renewed), held=None)
    assert (done.verdict.live, done.before and done.before.leaf) == (True, old.leaf)
    live, previous = desk.shelf.chain(Slot.LIVE), desk.shelf.chain(Slot.PREVIOUS)
    assert (live and live.leaf, previous and previous.leaf) == (renewed[0], old.leaf)
    assert desk.shelf.requested() is None
    assert {path.name for path in desk.folder.iterdir()} == {
        "tls.key", "tls.pem", "tls.previous.key", "tls.previous.pem",
    }  # fmt: skip


def test_a_new_dn_overlaps_with_the_old_until_the_list_has_it(desk: Desk) -> None:
    """The live key serves to the day of the switch; old and new lie side by side, and nothing is lost after it."""
    file = desk.root / "pasteur.yml"
    file.write_text(file.read_text().replace("mode: operator", 'siret: "27000099900017"\nmode: operator'))
    desk.install(desk.issue())
    desk.admit(brought(desk.issue(key=key(2), subject=MOVED)), held=listed(SUBJECT))
    assert desk.host.store.read(HOST, "tls.key") == desk.issue().key_pem()

    still = desk.switch(held=listed(SUBJECT))
    assert (still.verdict.live, desk.shelf.sealed(Slot.LIVE)) == (False, False)
    both = type(listed(SUBJECT))(listed(SUBJECT).pairs | listed(MOVED).pairs)
    assert desk.switch(held=both).verdict.live
    live, previous = desk.shelf.chain(Slot.LIVE), desk.shelf.chain(Slot.PREVIOUS)
    assert (live and live.leaf.subject, previous and previous.leaf.subject) == (MOVED, SUBJECT)
    with pytest.raises(PkiError, match="no certificate waits to go live"):
        desk.switch(held=both)


def test_a_switch_that_would_lose_a_domain_waits(desk: Desk) -> None:
    file = desk.root / "pasteur.yml"
    file.write_text(file.read_text().replace("mode: operator", 'siret: "27000099900017"\nmode: operator'))
    desk.install(desk.issue())
    half = type(listed(SUBJECT))(listed(SUBJECT).pairs | listed(MOVED, DOMAINS[0]).pairs)
    done = desk.admit(brought(desk.issue(key=key(2), subject=MOVED)), held=half)
    assert (done.verdict.live, done.verdict.missing) == (False, (DOMAINS[1],))
    assert f"does not name its DN yet for {DOMAINS[1]}" in done.verdict.why
    assert desk.switch(held=half, anyway=True).verdict.live


def test_anyway_is_said_with_its_price(desk: Desk) -> None:
    done = desk.admit(brought(desk.issue()), anyway=True)
    assert done.verdict.live
    assert done.verdict.why.startswith("--anyway, although the white list does not name its DN")


def test_a_key_that_is_brought_is_sealed(desk: Desk) -> None:
    issued = desk.issue()
    p12 = serialize_key_and_certificates(b"mail", issued.key, issued.leaf, issued.chain[1:], NoEncryption())
    assert desk.admit(p12, held=listed(SUBJECT)).sealed
    assert (desk.folder / "tls.key").read_bytes().startswith(b"$ANSIBLE_VAULT;")
    assert desk.host.store.read(HOST, "tls.key") == issued.key_pem()
    assert not [name for name, content in desk.snapshot().items() if b"PRIVATE KEY" in content]


def test_what_is_live_already_changes_nothing(desk: Desk) -> None:
    desk.install(desk.issue())
    (live,) = x509.load_pem_x509_certificates((desk.folder / "tls.pem").read_bytes())[:1]
    before = desk.snapshot()
    done = desk.admit(live.public_bytes(Encoding.DER))
    assert (done.known, done.verdict.live) == (True, True)
    assert desk.snapshot() == before


def test_a_certificate_that_does_not_answer_the_pending_request_is_refused_unless_meant(desk: Desk) -> None:
    desk.ask()
    assert "a request is pending with another key" in refused(desk, brought(desk.issue()))
    assert desk.admit(brought(desk.issue()), new=True)
    assert desk.shelf.has(Slot.DISCARDED.key)


def test_another_certificate_that_waits_is_not_replaced_unless_meant(desk: Desk) -> None:
    desk.admit(brought(desk.issue()))
    other = desk.issue(key=key(2))
    assert "another certificate waits to go live" in refused(desk, brought(other))
    desk.admit(brought(other), new=True)
    waiting = desk.shelf.chain(Slot.NEXT)
    assert waiting is not None
    assert waiting.leaf == other.leaf


def test_the_answer_to_a_request_that_was_given_up_still_finds_its_key(desk: Desk) -> None:
    first = desk.ask().csr
    desk.ask(new=True)
    late = authority().certify(first)
    assert "a request is pending with another key" in refused(desk, late[0].public_bytes(Encoding.DER))
    assert desk.admit(late[0].public_bytes(Encoding.DER), new=True, held=listed(SUBJECT)).verdict.live
    assert desk.shelf.sealed(Slot.LIVE)


def test_a_programs_certificate_goes_live_without_any_list(desk: Desk) -> None:
    request = CertificateRequest("dpi", "Clinique Pasteur", "Eure (27)", "1270000999")
    issued = authority().issue(request, key=key(3), usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
    done = desk.admit(brought(issued), bearer=desk.program, held=None)
    assert done.verdict.live
    assert (desk.root / "secrets/clients/pasteur/dpi/tls.key").read_bytes().startswith(b"$ANSIBLE_VAULT;")


def test_what_waits_is_judged_again_on_the_day_of_the_switch(desk: Desk) -> None:
    desk.admit(brought(desk.issue()))
    later = now() + timedelta(days=4 * 365)
    with pytest.raises(PkiError, match="expired on"):
        desk.switch(held=listed(SUBJECT), at=later)


def test_two_commands_at_once_do_not_mix(desk: Desk) -> None:
    with desk.shelf.alone():
        told = refused(desk, brought(desk.issue()))
    assert "another pki command is at work here" in told


@pytest.mark.parametrize("steps", range(6))
def test_a_switch_cut_off_at_any_step_is_finished_or_undone_by_the_next_command(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    old, new = desk.issue(), desk.issue(key=key(2))
    desk.install(old)
    desk.shelf.put_next(new.key, type(desk.admit(old.leaf_der()).chain)(new.leaf, new.chain[1:]))
    cut_after(steps, monkeypatch)
    with pytest.raises(PowerCutError):
        desk.shelf.switch()
    monkeypatch.undo()
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(desk.root.parent / "vault-password"))

    shelf = Shelf(desk.host)
    shelf.finish()
    if shelf.chain(Slot.NEXT):
        shelf.switch()
    live, previous = shelf.chain(Slot.LIVE), shelf.chain(Slot.PREVIOUS)
    live_key, previous_key = shelf.key(Slot.LIVE), shelf.key(Slot.PREVIOUS)
    assert live
    assert previous
    assert live_key
    assert previous_key
    assert (live.leaf, live_key.public_key()) == (new.leaf, new.key.public_key())
    assert (previous.leaf, previous_key.public_key()) == (old.leaf, old.key.public_key())


class PowerCutError(Exception):
    pass


def cut_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes at the step after so many: copies, renames and removals in the store."""
    from vaguemestre.secrets import Secrets

    done = []

    def cutting(step: Callable[..., None]) -> Callable[..., None]:
        def cut(*arguments: object) -> None:
            if len(done) == steps:
                raise PowerCutError
            done.append(step)
            step(*arguments)

        return cut

    for name in ("copy", "move", "remove"):
        monkeypatch.setattr(Secrets, name, cutting(getattr(Secrets, name)))
