"""How a mailbox begins and what may change of it afterwards. Pure; what it needs is in `holder`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaguemestre.host.mailboxes import holder
from vaguemestre.host.mailboxes.bal import ENDED, FIXED, RED_LIST, Mailbox, Refused, Site
from vaguemestre.host.mailboxes.texts import tidy

# What may change during a mailbox's life; of the rest, each has its own command, or never changes.
CHANGEABLE = (
    *holder.TEXTS,
    "quota_mib",
    "profession",
    "speciality",
    "paperless",
    "paperless_by",
    "rank",
    "senders",
)


def opened(wanted: Mailbox, site: Site, existing: Mailbox | None, now: str) -> Mailbox:
    """The mailbox to be added, complete; or `existing` itself when it already is what is wanted.

    An address whose mailbox was purged long enough ago begins anew, with nothing of its first holder's.

    Raises:
        Refused: with all that is wrong; or the address is or was somebody else's.
    """
    complete = _completed(wanted, site, now)
    wrong = [*holder.wrong(complete, site), *_hidden(complete)]
    if wrong:
        raise Refused("\n".join(wrong))
    return _reconciled(complete, existing, site, now) if existing else complete


def changed(mailbox: Mailbox, news: Mapping[str, Any], site: Site) -> Mailbox:
    """The mailbox with these details, fields of CHANGEABLE; itself when they are so already.

    A name to show that was made of the names follows them.

    Raises:
        Refused: it has ended, or with all that is wrong.
    """
    after = replace(mailbox, **_said(mailbox, news))
    if after == mailbox:
        return mailbox
    if mailbox.state in ENDED:
        raise Refused(f"{mailbox.address} is {mailbox.state}: nothing of it changes\n    {way_back(mailbox)}")
    wrong = [*holder.details(after, site)]
    if after.profession != mailbox.profession:
        wrong += holder.placed(after, site)
    if wrong:
        raise Refused("\n".join(wrong))
    return after


def free_again(mailbox: Mailbox, site: Site) -> str:
    """When the address of a mailbox that has ended may be given to somebody else; empty where nobody can say."""
    domain = site.domains.get(mailbox.domain)
    ended = mailbox.closed or mailbox.since  # an older release did not record the closing itself
    if domain is None or not ended:
        return ""
    return f"{int(ended[:4]) + domain.retention.closed_address_years:04}{ended[4:]}"


def way_back(mailbox: Mailbox) -> str:
    """What can be done about a mailbox that has ended."""
    if mailbox.state == "purged":
        return "choose another address"
    return f"the same holder is back? vaguemestre mailbox restore {mailbox.address}; else choose another address"


def _said(mailbox: Mailbox, news: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: tidy(value) if isinstance(value, str) else value for name, value in news.items()}
    if not said.get("display"):
        said.pop("display", None)
        if mailbox.display in ("", _made_of(mailbox.given, mailbox.surname)):
            said["display"] = _made_of(said.get("given", mailbox.given), said.get("surname", mailbox.surname))
    if "paperless" in said and said["paperless"] != mailbox.paperless:
        said.setdefault("paperless_by", "administrator" if said["paperless"] else "")
    return said


def _made_of(given: str, surname: str) -> str:
    return f"{given} {surname}".strip()


def _completed(wanted: Mailbox, site: Site, now: str) -> Mailbox:
    address = wanted.address.strip().lower()
    domain = site.domains.get(address.rpartition("@")[2])
    structure = wanted.structure or (domain.structure if domain and wanted.kind in ("ORG", "APP") else "")
    texts: dict[str, Any] = {name: tidy(getattr(wanted, name)) for name in holder.TEXTS}
    texts["display"] = texts["display"] or _made_of(texts["given"], texts["surname"])
    rules = domain.redlist if domain and wanted.kind in ("PER", "CAB") else None
    redlist = wanted.redlist or (rules.default if rules else "none")
    secretariat = wanted.secretariat or (rules.secretariat if rules and redlist == "secretariat" else "")
    return replace(
        wanted,
        **texts,
        address=address,
        since=now,
        created=now,
        structure=structure,
        quota_mib=wanted.quota_mib or (domain.quota_mib if domain else 0),
        redlist=redlist,
        secretariat=secretariat.strip().lower(),
        paperless_by=wanted.paperless_by or ("administrator" if wanted.paperless else ""),
    )


def _hidden(box: Mailbox) -> list[str]:
    """The establishment's word must not fail for want of a secretariat: its mail would reach nobody."""
    if box.redlist not in RED_LIST:
        return [f"{box.address}: {box.redlist!r} is no rule of the red list: {', '.join(RED_LIST)} (--redlist)"]
    if box.redlist == "secretariat" and box.secretariat in ("", box.address):
        return [
            f"{box.address}: people here are reached through their secretariat: name its mailbox (--secretariat), "
            "or another rule (--redlist unlisted, --redlist none)"
        ]
    return []


def _reconciled(wanted: Mailbox, existing: Mailbox, site: Site, now: str) -> Mailbox:
    """Adding the same mailbox again is no error; adding another under its address is, until long after its end."""
    if existing.state in ENDED:
        free = free_again(existing, site)
        if existing.state == "purged" and "" < free <= now:
            return wanted
        raise Refused(
            f"{existing.address} was given before and is {existing.state} since {existing.since}: an address is not "
            f"given again before {free[:8] or 'long'}, mail for its first holder would reach another\n"
            f"    {way_back(existing)}"
        )
    differing = [name for name in FIXED if getattr(wanted, name) != getattr(existing, name)]
    if differing:
        said = ", ".join(f"{name} {getattr(existing, name) or 'none'}" for name in differing)
        raise Refused(f"{existing.address} exists already with {said}, which never changes\n    choose another address")
    return existing
