"""ETSI GS QKD 014 v1.1.1 as pure functions: what is asked, what is answered, what is refused.

Paths (clause 5): GET {slave}/status, GET and POST {slave}/enc_keys, GET and POST {master}/dec_keys, all below
/api/v1/keys/. Members of JSON objects are written exactly as clause 6 writes them.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from qcot.errors import Problem, QcotError
from qcot.kme.problems import (
    BAD_EXTENSION,
    BAD_REQUEST,
    BAD_SIZE,
    EXHAUSTED,
    NO_SAE,
    NO_SUCH_KEY,
    NOT_YOURS,
    OUT_OF_ORDER,
    OUT_OF_RANGE,
    TOO_FAST,
    TOO_MANY_KEYS,
    TOO_MANY_SAES,
)

ROOT = "/api/v1/keys"
KEY_BITS = 256
MIN_BITS, MAX_BITS = 64, 1024
MAX_KEYS = 32
"""Most keys in one request."""
MAX_SAES = 0
"""Additional slave SAEs: none, a link has two ends."""
SAE = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]{1,64}")
"""Not of dots alone: in a path those name another place."""

_MESSAGES = {
    BAD_SIZE: "size shall be a multiple of 8",
    BAD_EXTENSION: "not all extension_mandatory parameters are supported",
    NO_SUCH_KEY: "one or more keys specified are not found on KME",
}
"""Words that the standard itself gives (clauses 5.2 and 5.3); other refusals say their reason."""
STATUS = {
    BAD_REQUEST: 400, BAD_SIZE: 400, OUT_OF_RANGE: 400, TOO_MANY_KEYS: 400, TOO_MANY_SAES: 400, BAD_EXTENSION: 400,
    NO_SUCH_KEY: 400, NO_SAE: 401, NOT_YOURS: 401, EXHAUSTED: 503, TOO_FAST: 503, OUT_OF_ORDER: 503,
}  # fmt: skip
"""What is answered, and under which HTTP status (clause 5)."""
_REQUEST = {"number", "size", "additional_slave_SAE_IDs", "extension_mandatory", "extension_optional"}


@dataclass(frozen=True, slots=True)
class DeliveredKey:
    """A secret and the id that both SAEs know it by."""

    id: uuid.UUID
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """How many keys of how many bits (clause 6.2)."""

    number: int = 1
    bits: int = KEY_BITS


def parse_key_request(value: object) -> KeyRequest:
    """The request in the JSON value of a POST; raises `kme-bad-request` and the like."""
    body = _object(value, _REQUEST)
    mandatory = _objects(body, "extension_mandatory")
    if mandatory:
        raise QcotError(BAD_EXTENSION, f"mandatory extensions: {', '.join(name for one in mandatory for name in one)}")
    _objects(body, "extension_optional")  # may be left aside, by the standard
    more = body.get("additional_slave_SAE_IDs", [])
    if not isinstance(more, list) or any(not isinstance(name, str) for name in more):
        _refuse("additional_slave_SAE_IDs is not an array of strings")
    if len(more) > MAX_SAES:
        raise QcotError(TOO_MANY_SAES, f"{len(more)} additional slave SAEs, at most {MAX_SAES}")
    return _bounded(body.get("number", 1), body.get("size", KEY_BITS))


def parse_key_query(query: Iterable[tuple[str, str]]) -> KeyRequest:
    """The request in the query of a GET, which may only name number and size (clause 5.2)."""
    values = _once(query, {"number", "size"})
    numbers = {}
    for name, text in values.items():
        if not re.fullmatch(r"[0-9]{1,9}", text):
            _refuse(f"{name} is not a number")
        numbers[name] = int(text)
    return _bounded(numbers.get("number", 1), numbers.get("size", KEY_BITS))


def parse_key_ids(value: object) -> tuple[uuid.UUID, ...]:
    """The ids in the JSON value of a POST to dec_keys (clause 6.4), each once."""
    body = _object(value, {"key_IDs", "key_IDs_extension"})
    items = body.get("key_IDs")
    if not isinstance(items, list) or not items:
        _refuse("key_IDs is not an array with something in it")
    if len(items) > MAX_KEYS:
        raise QcotError(TOO_MANY_KEYS, f"{len(items)} keys, at most {MAX_KEYS}")
    ids = tuple(_key_id(_object(item, {"key_ID", "key_ID_extension"}).get("key_ID")) for item in items)
    if len(set(ids)) != len(ids):
        _refuse("a key_ID stands there twice")
    return ids


def parse_key_id_query(query: Iterable[tuple[str, str]]) -> tuple[uuid.UUID, ...]:
    """The one id in the query of a GET to dec_keys (clause 5.3)."""
    return (_key_id(_once(query, {"key_ID"}).get("key_ID")),)


def status_body(*, source: str, target: str, master: str, slave: str, stored: int, capacity: int) -> dict[str, Any]:
    """Clause 6.1; ``stored`` and ``capacity`` count keys of the default size."""
    return {
        "source_KME_ID": source,
        "target_KME_ID": target,
        "master_SAE_ID": master,
        "slave_SAE_ID": slave,
        "key_size": KEY_BITS,
        "stored_key_count": stored,
        "max_key_count": capacity,
        "max_key_per_request": MAX_KEYS,
        "max_key_size": MAX_BITS,
        "min_key_size": MIN_BITS,
        "max_SAE_ID_count": MAX_SAES,
    }


def keys_body(keys: Sequence[DeliveredKey]) -> dict[str, Any]:
    """Key container (clause 6.3): base64 of RFC 4648 section 4."""
    return {"keys": [{"key_ID": str(key.id), "key": base64.b64encode(key.secret).decode()} for key in keys]}


def error_body(error: QcotError) -> tuple[int, dict[str, Any]]:
    """HTTP status and error (clause 6.5); the details say our name, reason and remedy.

    What is not a client's business (the server's disk) is told by its name alone.
    """
    if error.problem not in STATUS:
        error = QcotError(OUT_OF_ORDER, error.problem.name)
    problem = error.problem
    message = _MESSAGES.get(problem, error.reason)
    details = [{"name": problem.name, "reason": error.reason, "remedy": problem.remedy}]
    return STATUS[problem], {"message": message, "details": details}


def require_sae(name: object, problem: Problem = BAD_REQUEST) -> str:
    """``name`` if an SAE can be called so."""
    if not isinstance(name, str) or not SAE.fullmatch(name):
        raise QcotError(problem, f"{str(name)[:80]!r} is no SAE ID that is known here")
    return name


def load_json(raw: bytes, problem: Problem) -> Any:
    """JSON without duplicate members, NaN or anything after it; raises ``problem``."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a member stands there twice")
        return dict(pairs)

    def constant(text: str) -> NoReturn:
        raise ValueError(f"{text} is no JSON")

    try:
        return json.loads(raw.decode(), object_pairs_hook=unique, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise QcotError(problem, f"not JSON: {str(error)[:200]}") from error


def _bounded(number: object, bits: object) -> KeyRequest:
    if type(number) is not int or type(bits) is not int:
        _refuse("number and size must be integers")
    if number < 1:
        _refuse(f"{number} keys")
    if number > MAX_KEYS:
        raise QcotError(TOO_MANY_KEYS, f"{number} keys, at most {MAX_KEYS}")
    if bits % 8:
        raise QcotError(BAD_SIZE, f"{bits} bits is not a multiple of 8")
    if not MIN_BITS <= bits <= MAX_BITS:
        raise QcotError(OUT_OF_RANGE, f"{bits} bits, from {MIN_BITS} to {MAX_BITS} can be had")
    return KeyRequest(number, bits)


def _key_id(text: object) -> uuid.UUID:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        _refuse("a key_ID is not a UUID as RFC 4122 writes it")
    return uuid.UUID(text)


def _object(value: object, members: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _refuse("not a JSON object")
    unknown = [str(name)[:40] for name in value if name not in members]
    if unknown:
        _refuse(f"no such member: {', '.join(unknown[:5])}")
    return value


def _objects(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = body.get(name, [])
    if not isinstance(value, list) or any(not isinstance(item, dict) for item in value):
        _refuse(f"{name} is not an array of objects")
    return value


def _once(query: Iterable[tuple[str, str]], names: set[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, text in query:
        if name not in names or name in values:
            _refuse(f"{name[:40]} has no place in this query, or stands there twice")
        values[name] = text
    return values


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_REQUEST, reason)
