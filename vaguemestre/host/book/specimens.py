"""Invented mailboxes of every kind, and what anybody may see of each. Pure.

What must stay hidden is written down here once more, by itself: rules and proofs made of one list would be wrong
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vaguemestre.host.book.shown import CHOSEN, KINDS, PUBLIC, READERS, ROUTED, WORDS
from vaguemestre.host.mailboxes.bal import STATES
from vaguemestre.host.mailboxes.store import DAEMONS, MAILBOXES, NATIONAL, SUFFIX
from vaguemestre.host.replica.layout import REPLICATOR

PRIVATE = (
    *("userPassword", "vgmResponsible", "vgmAllowed", "vgmSender", "vgmQuotaMib", "vgmRank", "vgmOrigin", "vgmStateBy"),
    *("vgmStateSince", "vgmCreated", "entryCSN", "entryUUID"),
)
"""No person reads these, whosever they are; nor any attribute of the schema that is named nowhere here."""

SECRETARIAT = "secretariat@book.test"


@dataclass(frozen=True)
class Specimen:
    """One mailbox of ours; `redlist` empty: an entry of before there was one."""

    name: str
    kind: str = "PER"
    state: str = "active"
    redlist: str = "none"
    secretariat: str = ""

    @property
    def address(self) -> str:
        return f"{self.name}@book.test"

    @property
    def dn(self) -> str:
        return f"mail={self.address},{MAILBOXES}"

    @property
    def shown(self) -> bool:
        return self.kind in KINDS and self.state == "active" and self.redlist == "none"

    def ldif(self) -> str:
        """Its entry (RFC 2849), with a value for whatever could leak."""
        lines = [
            f"dn: {self.dn}",
            "objectClass: vgmMailbox",
            f"mail: {self.address}",
            f"vgmMailboxType: {self.kind}",
            f"vgmState: {self.state}",
            "vgmStateSince: 20260101000000Z",
            "vgmCreated: 20260101000000Z",
            f"cn: {self.name}",
            "vgmResponsible: somebody",
            *((f"vgmRedList: {self.redlist}",) if self.redlist else ()),
            *((f"vgmSecretariat: {self.secretariat}",) if self.secretariat else ()),
        ]
        return "\n".join(lines) + "\n"


COLLEAGUE = Specimen("colleague")
TEAM = Specimen("secretariat", kind="ORG")
UNLISTED = Specimen("unlisted", redlist="unlisted")
SERVED = Specimen("served", redlist="secretariat", secretariat=SECRETARIAT)
SUSPENDED = Specimen("suspended-served", state="suspended", redlist="secretariat", secretariat=SECRETARIAT)
OURS = (
    COLLEAGUE,
    TEAM,
    Specimen("practice", kind="CAB"),
    Specimen("program", kind="APP"),
    Specimen("older", redlist=""),
    UNLISTED,
    SERVED,
    SUSPENDED,
    *(Specimen(state, state=state) for state in STATES if state != "active"),
)
THEIRS = f"mail=theirs@nation.test,{NATIONAL}"
NOBODY = ""


@dataclass(frozen=True)
class Proof:
    """What somebody, by DN, empty for anonymous, must and must not be able to do with one entry.

    `allowed` and `denied` are words of slapacl(8), ``attribute/level``. Denied at `disclose`, the lowest, is all.
    """

    who: str
    entry: str
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


def proofs(schema: Iterable[str] = ()) -> Iterator[Proof]:
    """All that is asked before access rules go live; `schema` are the attributes that the schema defines."""
    private = tuple(dict.fromkeys((*PRIVATE, *(one for one in schema if one not in (*PUBLIC, *WORDS, *CHOSEN)))))
    for one in OURS:
        for who in (NOBODY, COLLEAGUE.dn):
            if who != one.dn:
                yield _seen(who, one, private) if one.shown else _unseen(who, one, private)
    yield from _of_the_entitled(private)
    yield from _of_daemons(private)
    yield from _of_replicas(private)
    yield from _of_the_nations()
    yield from _of_places()


def _seen(who: str, one: Specimen, private: tuple[str, ...]) -> Proof:
    hidden = [name for name in (*CHOSEN, *private) if name != "userPassword"]
    return Proof(
        who,
        one.dn,
        allowed=(*_at("read", PUBLIC), *_at("search", WORDS), *(_at("auth", ("userPassword",)) if not who else ())),
        denied=(*_at("disclose", hidden), *_at("read", WORDS), *_at("write", PUBLIC), "userPassword/compare"),
    )


def _unseen(who: str, one: Specimen, private: tuple[str, ...]) -> Proof:
    """Not even that there is anything. A password may be tried where the mailbox is open, and nowhere else."""
    tried = not who and one.state == "active"
    hidden = [name for name in (*PUBLIC, *WORDS, *CHOSEN, *private) if not (tried and name == "userPassword")]
    return Proof(
        who,
        one.dn,
        allowed=("userPassword/auth",) if tried else (),
        denied=(*_at("disclose", hidden), "userPassword/compare"),
    )


def _of_the_entitled(private: tuple[str, ...]) -> Iterator[Proof]:
    sees = (*_at("read", (*PUBLIC, *CHOSEN)), *_at("search", WORDS))
    hidden = (*_at("disclose", private), *_at("read", WORDS), *_at("write", (*PUBLIC, *CHOSEN)))
    for one in (UNLISTED, SERVED):
        yield Proof(one.dn, one.dn, sees, hidden)
    yield Proof(TEAM.dn, SERVED.dn, sees, hidden)
    yield _unseen(TEAM.dn, UNLISTED, private)
    yield _unseen(TEAM.dn, SUSPENDED, private)
    yield _unseen(SUSPENDED.dn, SUSPENDED, private)
    yield _unseen(UNLISTED.dn, SERVED, private)


def _of_daemons(private: tuple[str, ...]) -> Iterator[Proof]:
    for name, more in READERS.items():
        reads = (*ROUTED, *more)
        hidden = [one for one in (*PUBLIC, *WORDS, *CHOSEN, *private) if one not in reads]
        writable = [one for one in reads if one != "entryCSN"]  # slapd's own; it refuses writing before it looks here
        for specimen in (COLLEAGUE, SERVED):
            denied = (*_at("disclose", hidden), *_at("write", writable))
            yield Proof(f"cn={name},{DAEMONS}", specimen.dn, _at("read", reads), denied)


def _of_replicas(private: tuple[str, ...]) -> Iterator[Proof]:
    """Of a hidden mailbox a replica learns its address and that it is hidden; of one that is shown, what is public."""
    learns = {"entry", "objectClass", "mail", "vgmMailboxType", "vgmState", "vgmRedList", "entryUUID", "entryCSN"}
    for one in OURS:
        known = learns | {*PUBLIC, *WORDS} if one.shown else learns
        hidden = [name for name in (*PUBLIC, *WORDS, *CHOSEN, *private) if name not in known]
        yield Proof(REPLICATOR, one.dn, denied=(*_at("disclose", hidden), *_at("write", ("mail", "vgmRedList"))))
    yield Proof(REPLICATOR, DAEMONS, denied=("children/disclose", "vgmUid/disclose"))


def _of_the_nations() -> Iterator[Proof]:
    hidden = ("vgmFingerprint/disclose", *_at("read", WORDS), *_at("write", PUBLIC))
    for who in (NOBODY, COLLEAGUE.dn):
        yield Proof(who, THEIRS, (*_at("read", PUBLIC), *_at("search", WORDS)), hidden)
    yield Proof(f"cn=vgm-annuaire,{DAEMONS}", THEIRS, ("entry/write", "mail/write", "vgmFingerprint/write"))
    for name in READERS:
        if name != "vgm-annuaire":
            yield Proof(f"cn={name},{DAEMONS}", THEIRS, denied=("entry/disclose",))


def _of_places() -> Iterator[Proof]:
    """A branch that showed itself would be named by answers (matchedDN), and tell a hidden entry from none."""
    for who in (NOBODY, COLLEAGUE.dn):
        yield Proof(who, SUFFIX, ("entry/search",), ("children/write", "entry/write"))
        yield Proof(who, MAILBOXES, denied=("entry/disclose", "children/disclose"))
        yield Proof(who, DAEMONS, denied=("children/disclose", "cn/disclose", "entry/read"))


def _at(level: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{name}/{level}" for name in names)
