"""Statements put together byte by byte, and the ways in which such bytes can be wrong."""

import pytest
from cbor2 import CBORTag
from qcot.crypto import cbor
from qcot.errors import QcotError


def name(call, *arguments, **options) -> str:
    """The name of the problem that the call raises."""
    with pytest.raises(QcotError) as caught:
        call(*arguments, **options)
    return caught.value.problem.name


def assemble(header, payload, size, unprotected=None, tag=18):
    """A COSE_Sign1 with ``size`` zero bytes as its signature; header and payload encoded unless they are bytes."""
    protected = header if isinstance(header, bytes) else cbor.encode(header)
    body = payload if isinstance(payload, bytes) else cbor.encode(payload)
    return cbor.encode(CBORTag(tag, [protected, unprotected or {}, body, bytes(size)]))


def twice(payload):
    """The map ``payload`` with its first pair written twice."""
    pairs = b"".join(cbor.encode(key) + cbor.encode(value) for key, value in payload.items())
    first = next(iter(payload))
    return bytes([0xA0 + len(payload) + 1]) + cbor.encode(first) + cbor.encode(payload[first]) + pairs


def nested(depth):
    """``depth`` arrays in each other."""
    return b"\x81" * depth + b"\x00"


def flaws(alg, content_type, payload, size):
    """Each wrong way to write a statement with this payload, by name: the bytes and the problem's name.

    ``alg`` is the algorithm of the statement, ``size`` the length of its signature, ``payload`` what is good.
    """
    kid = bytes(16)
    header = {1: alg, 3: content_type, 4: kid}
    good = assemble(header, payload, size)
    encoded = cbor.encode(payload)
    return {
        "critical header": (assemble(header | {2: [99], 99: 1}, payload, size), "bad-cose"),
        "another header": (assemble(header | {5: b"iv"}, payload, size), "bad-cose"),
        "header missing": (assemble({1: alg, 3: content_type}, payload, size), "bad-cose"),
        "header is an array": (assemble([1, alg], payload, size), "bad-cose"),
        "header twice": (assemble(twice(header), payload, size), "bad-cbor"),
        "header indefinite": (assemble(b"\xbf" + cbor.encode(header)[1:] + b"\xff", payload, size), "bad-cbor"),
        "key id short": (assemble(header | {4: b"short"}, payload, size), "bad-cose"),
        "unprotected header": (assemble(header, payload, size, unprotected={4: kid}), "bad-cose"),
        "content type of another": (assemble(header | {3: "text/plain"}, payload, size), "bad-cose"),
        "algorithm ES256": (assemble(header | {1: -7}, payload, size), "bad-cose"),
        "algorithm text": (assemble(header | {1: "ML-DSA-44"}, payload, size), "bad-cose"),
        "signature short": (assemble(header, payload, size - 1), "bad-cose"),
        "signature long": (assemble(header, payload, size + 1), "bad-cose"),
        "tag of another": (assemble(header, payload, size, tag=98), "bad-cbor"),
        "no tag": (good[1:], "bad-cose"),
        "three of four": (b"\xd2\x83" + good[2 : -size - 3], "bad-cose"),
        "trailing byte": (good + b"\x00", "bad-cbor"),
        "cut": (good[:-1], "bad-cbor"),
        "empty": (b"", "bad-cbor"),
        "100 MB": (b"\xd2\x84\x5a\x05\xf5\xe1\x00" + bytes(40), "bad-cbor"),
        "100 M items": (b"\xd2\x9a\x05\xf5\xe1\x00" + bytes(40), "bad-cbor"),
        "over the bound": (assemble(header, payload | {99: bytes(16 * 1024)}, size), "bad-cbor"),
        "outside indefinite": (b"\xd2\x9f" + good[2:] + b"\xff", "bad-cbor"),
        "outside nested": (nested(2000), "bad-cbor"),
        "payload twice": (assemble(header, twice(payload), size), "bad-cbor"),
        "payload indefinite": (assemble(header, b"\xbf" + encoded[1:] + b"\xff", size), "bad-cbor"),
        "payload trailing": (assemble(header, encoded + b"\x00", size), "bad-cbor"),
        "payload nested": (assemble(header, nested(2000), size), "bad-cbor"),
        "payload 100 MB": (assemble(header, b"\x5a\x05\xf5\xe1\x00", size), "bad-cbor"),
        "payload long head": (assemble(header, b"\xb8" + bytes([len(payload)]) + encoded[1:], size), "bad-cbor"),
        "payload float": (assemble(header, b"\xa1\x01\xf9\x00\x00", size), "bad-cbor"),
        "payload true": (assemble(header, b"\xa1\x01\xf5", size), "bad-cbor"),
    }  # fmt: skip
