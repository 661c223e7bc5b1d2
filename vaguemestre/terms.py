"""The field's terms as types of the inventory: names, numbers and addresses, each checked where it is written."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
Fqdn = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=253, pattern=rf"^({_LABEL}\.)+{_LABEL}$"),
]
"""A fully qualified domain name as A-labels (RFC 1035 section 2.3.1, RFC 5890)."""

Finess = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9AB][0-9]{7}$")]
"""A FINESS number: 9 characters, the second may be A or B in Corsica. Quote it in YAML: it is no integer."""

Siret = Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$")]
"""A SIRET number: 14 digits. Quote it in YAML: it is no integer."""

Department = Annotated[str, StringConstraints(pattern=r"^\S.* \([0-9][0-9AB][0-9]?\)$")]
"""A department as certificates write it in ST: ``Eure (27)``."""

Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:_~/%@+\[\]-]+$")]
"""A web address that can stand in apt's files as it is: no blanks, quotes or semicolons."""

TimeServer = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]*$")]
"""The name or the address of an NTP server, one word."""

ONE_LINE = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
Line = Annotated[str, StringConstraints(pattern=ONE_LINE)]
"""One line of text, neither empty nor with blanks at its ends: it ends up in certificates, comments and messages."""

Login = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
"""The name of a system account (useradd(8))."""

MailAddress = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Profession = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{1,8}$")]
"""The code of a profession in the national nomenclatures. Quote it in YAML: ``"60"`` for nurses."""

SshKey = Annotated[
    str, StringConstraints(pattern=r"^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]{64,}={0,2}$")
]
"""A public key as authorized_keys writes it (sshd(8)): kind and base64, without options and without a comment."""

Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Whole = Annotated[int, Field(strict=True)]
"""A whole number; neither true, which Python takes for 1, nor digits in quotes."""


def _written_out(value: object) -> object:
    """Refuse what `ipaddress` would make an address of, but nobody means as one: ``address: 10`` is not 0.0.0.10."""
    if isinstance(value, int | float):
        raise PydanticCustomError("ip_v4_address", "a number is no address")
    return value


Ipv4 = Annotated[IPv4Address, BeforeValidator(_written_out)]


class Model(BaseModel):
    """Frozen, and an unknown key is an error: a typing slip must never be silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")
