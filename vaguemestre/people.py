"""What an inventory says of people's mailboxes: lists of staff, the red list, how long things are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from vaguemestre.terms import Line, MailAddress, Model, Whole


class StaffColumns(Model):
    """Which column (CSV) or attribute (LDIF) of a list of staff holds what; absent: found by its usual names."""

    address: Line | None = Field(default=None, description="address of the mailbox")
    type: Line | None = Field(default=None, description="PER, ORG, APP or CAB; without it, all are PER")
    rpps: Line | None = Field(default=None, description="RPPS, 11 digits; Active Directory has no usual place for it")
    surname: Line | None = Field(default=None, description="family name")
    given: Line | None = Field(default=None, description="given name")
    name: Line | None = Field(default=None, description="name to show; without it, given name and family name")
    staff_id: Line | None = Field(
        default=None, description="the establishment's own number of a person who has no RPPS (matricule)"
    )
    structure: Line | None = Field(default=None, description="FINESS or SIRET, when not the establishment's own")
    service: Line | None = Field(default=None, description="ward or service")
    responsible: Line | None = Field(default=None, description="who answers for it; never published")
    description: Line | None = Field(default=None, description="what it is for")
    quota: Line | None = Field(default=None, description="storage in MiB, when not the establishment's own")
    profession: Line | None = Field(default=None, description="code of the profession, national nomenclature")
    speciality: Line | None = Field(default=None, description="code of the speciality (savoir-faire)")
    paperless: Line | None = Field(default=None, description="dematerialisation, O or N; what a holder chose stays")
    rank: Line | None = Field(default=None, description="preference among one holder's mailboxes, 1 first")


class StaffImport(Model):
    """How a list of staff is read, and what may happen to mailboxes that are no longer in it."""

    columns: StaffColumns = StaffColumns()
    encoding: Literal["utf-8", "cp1252"] = Field(
        default="utf-8", description="of a file without a byte order mark; never guessed"
    )
    absent: Literal["suspend", "close"] = Field(
        default="suspend", description="what becomes of an imported mailbox that the file no longer names"
    )
    max_closed_percent: float = Field(
        default=5.0, ge=0, le=100, description="more of them gone at once than this: nothing is done"
    )


class Mailboxes(Model):
    """Where mailboxes (BAL) come from, and what each gets."""

    source: Literal["manual", "csv", "ldif"] = Field(
        default="manual", description="manual: made one by one by command; csv, ldif: from a list of staff"
    )
    file: Path | None = Field(
        default=None, description="the list of staff, relative to this file; needed when source is csv or ldif"
    )
    imports: StaffImport = Field(default=StaffImport(), alias="import", description="how a list of staff is imported")
    quota_mib: Whole = Field(default=2048, ge=10, description="storage of one mailbox, in MiB")
    message_size_mib: Whole = Field(
        default=10, ge=1, le=100, description="largest message accepted, in MiB, before base64"
    )


class RedList(Model):
    """Liste rouge: how people of this establishment are protected unless they chose otherwise."""

    default: Literal["none", "unlisted", "secretariat"] = Field(
        default="none",
        description="unlisted: found by no search; secretariat: also reached through the secretariat only",
    )
    own_staff_direct: bool = Field(default=True, description="colleagues may write directly past the secretariat")
    secretariat: MailAddress | None = Field(
        default=None, description="the secretariat of those who name none; without it, each mailbox must name its own"
    )
    correspondent_days: Whole = Field(
        default=180, ge=1, le=3650, description="whoever was written to may answer past the secretariat for so long"
    )


class Retention(Model):
    """How long things are kept. The nation's own figures for closing and reuse are not public: these are the kit's."""

    log_days: Whole = Field(default=365, ge=1, description="mail logs on the host, in days")
    closed_days: Whole = Field(
        default=90, ge=1, description="a closed mailbox stays as it was so long, then it is quarantined"
    )
    quarantine_days: Whole = Field(
        default=275, ge=1, description="a quarantined mailbox can be restored so long, then its mail is removed"
    )
    max_purged: Whole = Field(
        default=100, ge=0, description="mailboxes whose mail is removed in one day at most; 0: none ever"
    )
    closed_address_years: Whole = Field(default=10, ge=1, description="before a closed address may be given again")
