"""A client of anybody's key server: ETSI GS QKD 014 v1.1.1 with certificates on both sides.

It asks once and gives up after a bounded time; whether to ask again is its caller's to decide. Members that the
standard does not define are passed over in answers, those that it does are checked.
"""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote

import requests
import urllib3

from qcot.errors import QcotError
from qcot.kme import api
from qcot.kme.api import DeliveredKey
from qcot.kme.problems import (
    BAD_ANSWER,
    BAD_SAE,
    EXHAUSTED,
    REFUSED,
    TLS_REFUSED,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNREACHABLE,
)
from qcot.kme.tls import TlsFiles

MAX_ANSWER = 256 << 10
"""Bytes of one answer."""
_STATUS = ("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID")
_COUNTS = (
    "key_size", "stored_key_count", "max_key_count", "max_key_per_request", "max_key_size", "min_key_size",
    "max_SAE_ID_count",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KmeStatus:
    """What clause 6.1 says of a link; sizes in bits, counts in keys of ``key_size``."""

    source_kme: str
    target_kme: str
    master_sae: str
    slave_sae: str
    key_size: int
    stored_key_count: int
    max_key_count: int
    max_key_per_request: int
    max_key_size: int
    min_key_size: int
    max_sae_id_count: int


class KmeClient:
    """Asks the server at ``url`` as the SAE that the certificate in ``files`` names; safe for threads.

    ``timeout_s`` bounds connecting, each wait for bytes, and the whole answer. Raises `kme-tls-files` or
    `kme-key-mode` at once.
    """

    def __init__(self, url: str, files: TlsFiles, *, timeout_s: float = 5.0) -> None:
        files.require()
        self._root = url.rstrip("/") + api.ROOT
        self._files = files
        self._timeout_s = timeout_s

    def status(self, slave: str) -> KmeStatus:
        """How the link to ``slave`` stands."""
        body = self._ask("GET", f"{_sae(slave)}/status")
        for name, kind in {**dict.fromkeys(_STATUS, str), **dict.fromkeys(_COUNTS, int)}.items():
            if type(body.get(name)) is not kind:
                _bad(f"status: {name} is not {'text' if kind is str else 'an integer'}")
        return KmeStatus(*(body[name] for name in _STATUS + _COUNTS))

    def enc_keys(self, slave: str, number: int = 1, bits: int = api.KEY_BITS) -> tuple[DeliveredKey, ...]:
        """New keys that ``slave`` can have too; raises `kme-exhausted` when there are none."""
        body = self._ask("POST", f"{_sae(slave)}/enc_keys", {"number": number, "size": bits})
        keys = _keys(body, bits)
        if len(keys) != number or len({key.id for key in keys}) != number:
            _bad(f"{len(keys)} keys, {number} were asked for")
        return keys

    def dec_keys(self, master: str, ids: Sequence[uuid.UUID], bits: int = api.KEY_BITS) -> tuple[DeliveredKey, ...]:
        """The keys that ``master`` was given under ``ids``, in that order."""
        body = self._ask("POST", f"{_sae(master)}/dec_keys", {"key_IDs": [{"key_ID": str(each)} for each in ids]})
        found = _keys(body, bits)
        keys = {key.id: key for key in found}
        if keys.keys() != set(ids) or len(found) != len(ids):
            _bad("other keys than were asked for, or one of them twice")
        return tuple(keys[each] for each in ids)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        url = f"{self._root}/{path}"
        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy, no .netrc, no other authorities
                session.verify = str(self._files.ca)
                session.cert = (str(self._files.certificate), str(self._files.key))
                with session.request(
                    method, url, json=body, timeout=self._timeout_s, allow_redirects=False, stream=True,
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                ) as response:  # fmt: skip
                    raw = self._read(response)
        except requests.exceptions.SSLError as error:
            raise QcotError(TLS_REFUSED, f"{url}: {_why(error)}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise QcotError(UNREACHABLE, f"{url}: {_why(error)}") from error
        if response.status_code != 200:
            _refused(response.status_code, raw, is_enc=path.endswith("enc_keys"))
        answer = api.load_json(raw, BAD_ANSWER)
        if not isinstance(answer, dict):
            _bad("the answer is not a JSON object")
        return answer

    def _read(self, response: requests.Response) -> bytes:
        end, parts, size = time.monotonic() + self._timeout_s, [], 0
        while chunk := response.raw.read1(MAX_ANSWER, decode_content=False):
            size += len(chunk)
            if size > MAX_ANSWER:
                _bad(f"more than {MAX_ANSWER} bytes")
            if time.monotonic() > end:
                raise QcotError(UNREACHABLE, f"{response.url}: the answer took more than {self._timeout_s:g} s")
            parts.append(chunk)
        return b"".join(parts)


def _keys(body: Mapping[str, Any], bits: int) -> tuple[DeliveredKey, ...]:
    items = body.get("keys")
    if not isinstance(items, list):
        _bad("keys is not an array")
    return tuple(_key(item, bits) for item in items)


def _key(item: object, bits: int) -> DeliveredKey:
    if not isinstance(item, dict):
        _bad("a key is not an object")
    try:
        key_id = uuid.UUID(item["key_ID"])
        secret = base64.b64decode(item["key"], validate=True)
    except (KeyError, ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise QcotError(BAD_ANSWER, "a key is not key_ID, a UUID, and key, base64") from error
    if len(secret) * 8 != bits:
        _bad(f"a key of {len(secret) * 8} bits, {bits} were asked for")
    return DeliveredKey(key_id, secret)


def _refused(status: int, raw: bytes, *, is_enc: bool) -> NoReturn:
    try:
        said = api.load_json(raw, BAD_ANSWER).get("message", "")
    except (QcotError, AttributeError):
        said = ""
    reason = f"HTTP {status}" + (f": {str(said)[:300]}" if said else "")
    if status == 401:
        raise QcotError(UNAUTHORIZED, reason)
    if status == 503 and is_enc:
        raise QcotError(EXHAUSTED, reason)
    if status >= 500:
        raise QcotError(UNAVAILABLE, reason)
    if status >= 400:
        raise QcotError(REFUSED, reason)
    raise QcotError(BAD_ANSWER, reason)


def _sae(name: str) -> str:
    return quote(api.require_sae(name, BAD_SAE), safe="")


def _why(error: BaseException) -> str:
    """What the libraries in between have wrapped: `Connection refused`, and not where in which pool."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return said[:300] or type(error).__name__


def _bad(reason: str) -> NoReturn:
    raise QcotError(BAD_ANSWER, reason)
