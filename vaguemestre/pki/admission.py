"""A certificate comes in: judged, put in its place, and made live as soon as peers would accept it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from vaguemestre.pki import arrival, conformity
from vaguemestre.pki.arrival import Arrived, Chain, same_key
from vaguemestre.pki.bearer import Bearer, Kind
from vaguemestre.pki.faults import Fault, PkiError
from vaguemestre.pki.listed import Held, Verdict, verdict
from vaguemestre.pki.shelf import Shelf, Slot


@dataclass(frozen=True)
class Terms:
    """What a certificate is held against: anchors, the bearer's mail domains, the white list.

    `held` gives the list, or None when it cannot be had; it is called only for a DN that is new.
    """

    anchors: Sequence[x509.Certificate]
    domains: tuple[str, ...]
    held: Callable[[], Held | None]
    now: datetime
    anyway: bool = False


@dataclass(frozen=True)
class Admitted:
    """What became of a certificate. `before` is what was live when it came; `sealed` whether its key came with it."""

    chain: Chain
    verdict: Verdict
    before: Chain | None
    sealed: bool = False
    known: bool = False  # it was live already


def admit(bearer: Bearer, arrived: Arrived, terms: Terms, *, replace: bool = False) -> Admitted:
    """Judge what came and keep it, live or next; `replace` gives up what waited there.

    Raises:
        PkiError: naming all that is wrong; nothing was changed.
        SecretsError: the store cannot be read or sealed; nothing was changed.
    """
    shelf = Shelf(bearer)
    with shelf.alone():
        return _admitted(shelf, arrived, terms, replace)


def _admitted(shelf: Shelf, arrived: Arrived, terms: Terms, replace: bool) -> Admitted:
    chain, key, came = _judged(shelf, arrived, terms)
    live = shelf.chain(Slot.LIVE)
    if live and live.leaf == chain.leaf:
        return Admitted(chain, Verdict(True, "it is live already"), live, known=True)
    if not replace:
        _refuse_conflict(shelf, chain, key)
    shelf.put_next(key, chain)
    return _promoted(shelf, terms, came)


def switch(bearer: Bearer, terms: Terms) -> Admitted:
    """Make the next certificate live if peers accept it by now.

    Raises:
        PkiError: there is none, or it will not do any more.
    """
    shelf = Shelf(bearer)
    with shelf.alone():
        return _switched(shelf, terms)


def _switched(shelf: Shelf, terms: Terms) -> Admitted:
    bearer = shelf.bearer
    waiting, key = shelf.chain(Slot.NEXT), shelf.key(Slot.NEXT)
    if waiting is None or key is None:
        raise PkiError(
            f"{bearer.name}: no certificate waits to go live\n"
            "    vaguemestre pki status shows what there is; vaguemestre pki request begins a renewal"
        )
    case = _case(bearer, waiting, [key], terms)
    if faults := conformity.faults(case):
        raise PkiError.of(bearer.name, faults)
    return _promoted(shelf, terms, came=False)


def _judged(shelf: Shelf, arrived: Arrived, terms: Terms) -> tuple[Chain, RSAPrivateKey, bool]:
    """The certificate with its chain and its key, and whether the key came along."""
    brought = [key for key in arrived.keys if isinstance(key, RSAPrivateKey)]
    held = [key for _, key in shelf.candidates()]
    own = [key.public_key() for key in (*held, *brought)]
    leaf = arrival.leaf(arrived, own)
    if isinstance(leaf, Fault):
        raise PkiError.of(shelf.bearer.name, [leaf])
    chain = arrival.chained(leaf, arrived.certificates, terms.anchors)
    if faults := conformity.faults(_case(shelf.bearer, chain, [*held, *brought], terms)):
        raise PkiError.of(shelf.bearer.name, faults)
    key = next(key for key in (*held, *brought) if same_key(key.public_key(), leaf.public_key()))
    return chain, key, key not in held


def _case(bearer: Bearer, chain: Chain, keys: Sequence[RSAPrivateKey], terms: Terms) -> conformity.Case:
    own = [key.public_key() for key in keys]
    return conformity.Case(bearer, chain.leaf, chain.issuers, own, terms.anchors, terms.now)


def _refuse_conflict(shelf: Shelf, chain: Chain, key: RSAPrivateKey) -> None:
    if faults := list(_conflict(shelf, chain, key)):
        raise PkiError.of(shelf.bearer.name, faults)


def _conflict(shelf: Shelf, chain: Chain, key: RSAPrivateKey) -> Iterator[Fault]:
    """Another request or certificate is waiting: giving it up is for a person to say."""
    waiting, pending = shelf.chain(Slot.NEXT), shelf.requested()
    if waiting and waiting.leaf != chain.leaf:
        until = f"{waiting.leaf.not_valid_after_utc:%Y-%m-%d}"
        yield Fault(f"another certificate waits to go live (valid until {until})", "--new puts this one in its place")
    elif pending and not same_key(pending.public_key(), key.public_key()):
        yield Fault(
            "a request is pending with another key, and this certificate does not answer it",
            "--new takes this one and gives the request up; its key is kept aside",
        )


def _promoted(shelf: Shelf, terms: Terms, came: bool) -> Admitted:
    waiting, before = shelf.chain(Slot.NEXT), shelf.chain(Slot.LIVE)
    assert waiting is not None  # noqa: S101 - both callers have just seen or put it there
    found = _verdict(shelf.bearer, waiting, before, terms)
    if found.live:
        shelf.switch()
    return Admitted(waiting, found, before, sealed=came)


def _verdict(bearer: Bearer, new: Chain, live: Chain | None, terms: Terms) -> Verdict:
    if bearer.kind is Kind.CLIENT:
        return Verdict(True, "the white list names servers only")
    found = verdict(new.leaf.subject, live.leaf.subject if live else None, terms.domains, terms.held)
    if not found.live and terms.anyway:
        return Verdict(True, f"--anyway, although {found.why}", found.missing)
    return found
