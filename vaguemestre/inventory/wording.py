"""What pydantic found, said in plain words with a way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vaguemestre.errors import Problem
from vaguemestre.inventory.document import Document, Loc
from vaguemestre.terms import ONE_LINE

_SHAPES = {
    "name": "a full name in lower-case ASCII, such as mail.example.test; accents as xn-- labels",
    "outside_domain": "a full name in lower-case ASCII, such as outside.example",
    "finess": 'nine characters in quotes, such as "270000999"; the second may be A or B in Corsica',
    "siret": 'fourteen digits in quotes, such as "27000099900017"',
    "department": "the name and, in brackets, the number, as certificates have it: Eure (27)",
    "mail": "an address such as support@example.test",
    "user": "a system account's name: lower case, digits, - and _, such as vaguemestre",
    "mirror": "a web address, such as http://mirror.example.test/debian",
    "security": "a web address, such as http://mirror.example.test/debian-security",
    "proxy": "a web address, such as http://proxy.example.test:3128",
    "servers": "one name or address a line, such as ntp.example.test",
    "bootstrap_user": "a system account's name, such as root",
    "max_use": "a number and K, M, G or T, such as 1G",
    "start": 'hours and minutes in quotes, such as "22:00"',
    "end": 'hours and minutes in quotes, such as "05:00"',
}


_LINE = "one line of text, without blanks at its ends"


def problems(document: Document, error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Each of pydantic's errors as a problem of `document`, which was to become `model`."""
    return [_problem(document, found, model) for found in error.errors(include_url=False)]


def _problem(document: Document, found: ErrorDetails, model: type[BaseModel]) -> Problem:
    loc: Loc = found["loc"]
    wrong, way_out = _sentence(found).get(found["type"], lambda: _fallback(found))()
    if found["type"] == "extra_forbidden":
        wrong, way_out = _unknown_key(loc, model)
    if found["type"] == "string_type":
        wrong, way_out = _not_text(document, loc, found["input"])
    return document.problem(loc, wrong, way_out)


def _sentence(found: ErrorDetails) -> dict[str, Callable[[], tuple[str, str]]]:
    """By pydantic's error type; lazily, for each type has its own context."""
    context = found.get("ctx", {})
    given, field = _short(found["input"]), _field(found)
    pattern = str(context.get("pattern"))
    shape = _LINE if pattern == ONE_LINE else _SHAPES.get(field, f"the pattern {pattern}")
    return {
        "missing": lambda: ("is missing", f"add `{field}:`"),
        "string_pattern_mismatch": lambda: (f"{given} does not have the right form", f"write {shape}"),
        "string_too_long": lambda: (f"is longer than {context['max_length']} characters", "shorten it"),
        "enum": lambda: _no_choice(given, found["input"], str(context["expected"])),
        "literal_error": lambda: _no_choice(given, found["input"], str(context["expected"])),
        "int_type": lambda: (f"{given} is not a whole number", "write digits without quotes"),
        "bool_type": lambda: (f"{given} is neither true nor false", "write true or false"),
        "bool_parsing": lambda: (f"{given} is neither true nor false", "write true or false"),
        "greater_than_equal": lambda: (f"{given} is too small", f"{context['ge']} is the least"),
        "less_than_equal": lambda: (f"{given} is too large", f"{context['le']} is the most"),
        "too_short": lambda: ("the list is empty", "name at least one"),
        "ip_v4_address": lambda: (f"{given} is not an IPv4 address", "write four numbers, such as 192.0.2.10"),
        "ip_v6_address": lambda: (f"{given} is not an IPv6 address", "write it like 2001:db8::10, in quotes"),
        "ip_v4_network": lambda: (f"{given} is not an IPv4 network", "write it like 192.0.2.0/24, host bits zero"),
        "path_type": lambda: (f"{given} is not a path", "write the path of a file"),
        "tuple_type": lambda: (f"{given} is not a list", "write a list: one `- ` line for each"),
        "model_type": lambda: (f"{given} is not a section", "write `key: value` lines, indented"),
        "model_attributes_type": lambda: (f"{given} is not a section", "write `key: value` lines, indented"),
    }


def _field(found: ErrorDetails) -> str:
    """The key that the value belongs to; of an entry in a list, the list's."""
    return next((step for step in reversed(found["loc"]) if isinstance(step, str)), "")


def _fallback(found: ErrorDetails) -> tuple[str, str]:
    return found["msg"], f"the value was {_short(found['input'])}"


def _no_choice(given: str, value: object, expected: str) -> tuple[str, str]:
    choices = expected.replace(" or ", ", ").replace("'", "").split(", ")
    near = get_close_matches(str(value), choices, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{given} is not known here", f"{hint}write one of: {', '.join(choices)}"


def _not_text(document: Document, loc: Loc, value: object) -> tuple[str, str]:
    if value is None:
        return "is empty", f"write a value after `{loc[-1]}:` or remove the line"
    if isinstance(value, (dict, list)):
        return "is not a text", "write one value, not a list or a section"
    written = document.written.get(loc, str(value))
    return f"{written} is read by YAML as {_yaml_kind(value)}, not as text", f'quote it: "{written}"'


def _yaml_kind(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "a number" if isinstance(value, (int, float)) else "a date"


def _unknown_key(loc: Loc, model: type[BaseModel]) -> tuple[str, str]:
    known = [*_model_at(model, loc[:-1]).model_fields]
    near = get_close_matches(str(loc[-1]), known, n=1)
    way_out = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
    return f"the key {loc[-1]} is not known", way_out


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    for step in loc:
        if isinstance(step, str) and step in model.model_fields:
            model = next(_models((model.model_fields[step].annotation,)), model)
    return model


def _models(annotations: Iterable[Any]) -> Any:
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        yield from _models(get_args(annotation))


def _short(value: object) -> str:
    """The value in a message: one line, never long."""
    if value is None or value == "":
        return "nothing"
    text = " ".join((str(value).lower() if isinstance(value, bool) else str(value)).split())
    return text if len(text) <= 60 else text[:57] + "..."
