"""Requests: a key proves that it is there, a board's key is seen by the authority alone, all else is refused."""

import contextlib
from base64 import b64encode

import cbor2
import pytest
from characters import CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.certificates import authority, claims, request
from qcot.certificates.certificate import Channel, LogClaims, Role
from qcot.crypto import cbor
from qcot.crypto.kem import ML_KEM_512, ML_KEM_768, KemKey
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import QcotError
from statement_bytes import assemble, flaws, name
from trust_site import FROM, Authority

BRIDGE = SigningKey(ML_DSA_65, b"\x01" * 32)
GATEWAY = SigningKey(ML_DSA_44, b"\x02" * 32)
KEM, OTHER = KemKey(ML_KEM_768, b"\x03" * 64), KemKey(ML_KEM_768, b"\x04" * 64)
DEVICE_KEY = b"the device's key that is secret!"
DEVICE = bytes.fromhex("0123456789abcdef")
FOR_BRIDGE = request.for_key(BRIDGE, role=Role.BRIDGE, site="lab", name="attic", time=FROM, policy="p-1")
FOR_GATEWAY = request.for_key(
    GATEWAY, role=Role.GATEWAY, site="lab", name="gateway", time=FROM, log=LogClaims("qcot/lab/gateway")
)
FOR_BOARD = request.for_board(
    BRIDGE,
    site="lab",
    device=DEVICE,
    time=FROM,
    device_key=DEVICE_KEY,
    challenge=b"c" * 16,
    frame=b"f" * 80,
    model="uno",
    firmware=b"\x00\x01\x00",
    channels=(Channel("A0", "V", 5, 1023, 0),),
)
SEALED = request.seal(FOR_BOARD, KEM.public_key)


def payload(raw):
    return cbor.decode(cbor2.loads(raw).value[2])


def rewritten(raw, changes, alg=-49, size=3309, drop=()):
    said = {key: value for key, value in (payload(raw) | changes).items() if key not in drop}
    return assemble({1: alg, 3: request.CONTENT_TYPE, 4: BRIDGE.public_key.kid}, said, size)


def test_a_key_asks_for_itself_and_proves_that_it_is_there():
    found = request.parse(FOR_BRIDGE)
    found.verify()
    assert (found.role, found.site, found.name, found.time) == (Role.BRIDGE, "lab", "attic", FROM)
    assert (found.key, found.policy, found.log) == (BRIDGE.public_key, "p-1", None)
    gateway = request.parse(FOR_GATEWAY)
    gateway.verify()
    assert (gateway.key, gateway.log) == (GATEWAY.public_key, LogClaims("qcot/lab/gateway"))


def test_nobody_asks_for_a_key_that_he_does_not_have():
    key = claims.key_to_cbor(SigningKey(ML_DSA_65, b"\x09" * 32).public_key)
    foreign = request.FORM.sign(BRIDGE, payload(FOR_BRIDGE) | {7: key})
    assert name(request.parse(foreign).verify) == "request-forged"
    renamed = FOR_BRIDGE.replace(b"attic", b"attik")
    assert name(request.parse(renamed).verify) == "request-forged"


def test_two_requests_of_a_key_are_never_the_same_bytes():
    again = request.for_key(BRIDGE, role=Role.BRIDGE, site="lab", name="attic", time=FROM, policy="p-1")
    assert payload(again)[6] != payload(FOR_BRIDGE)[6]
    assert request.parse(again).hash != request.parse(FOR_BRIDGE).hash


def test_a_bridge_asks_for_a_board():
    found = request.parse(request.open_sealed(SEALED, KEM))
    found.verify(BRIDGE.public_key)
    assert (found.device, found.device_key, found.challenge) == (DEVICE, DEVICE_KEY, b"c" * 16)
    assert (found.model, found.firmware, found.frame, found.lms) == ("uno", b"\x00\x01\x00", b"f" * 80, None)
    assert (found.channels, found.bridge) == ((Channel("A0", "V", 5, 1023, 0),), BRIDGE.public_key.kid)
    assert name(found.verify, SigningKey(ML_DSA_65, b"\x09" * 32).public_key) == "request-forged"


def test_a_boards_key_shows_neither_in_the_sealed_request_nor_where_it_is_printed():
    assert DEVICE_KEY in FOR_BOARD
    assert DEVICE_KEY not in SEALED
    assert DEVICE not in SEALED
    assert "secret" not in repr(request.parse(FOR_BOARD))
    assert request.is_sealed(SEALED)
    assert not request.is_sealed(FOR_BOARD)
    assert request.seal(FOR_BOARD, KEM.public_key) != SEALED


def test_what_is_sealed_to_one_authority_opens_for_no_other():
    assert name(request.open_sealed, SEALED, OTHER) == "request-for-another"
    stolen = cbor.encode(cbor.decode(SEALED) | {2: OTHER.public_key.kid})
    assert name(request.open_sealed, stolen, OTHER) == "request-for-another"


@settings(max_examples=60)
@given(st.integers(0, len(SEALED) - 1), st.integers(0, 7))
def test_a_bit_of_a_sealed_request_that_was_altered_is_never_overlooked(at, bit):
    spoilt = bytearray(SEALED)
    spoilt[at] ^= 1 << bit
    assert name(request.open_sealed, bytes(spoilt), KEM) in ("request-for-another", "bad-cbor", "bad-request")


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_whatever_comes_as_a_request_is_refused_by_name(noise):
    for raw in (noise, b"\xa3\x01\x01\x02\x50" + noise, cbor.encode({1: 1, 2: KEM.public_key.kid, 3: noise})):
        assert name(request.open_sealed, raw, KEM) in ("request-for-another", "bad-cbor", "bad-request")
    for raw in (noise, b"\xd2\x84" + noise):
        assert name(request.parse, raw) in ("bad-cbor", "bad-cose")


@pytest.mark.parametrize(
    "raw",
    [
        cbor.encode([1, KEM.public_key.kid, b""]),
        cbor.encode(cbor.decode(SEALED) | {1: 2}),
        cbor.encode(cbor.decode(SEALED) | {4: 1}),
        cbor.encode({1: 1, 2: KEM.public_key.kid}),
        cbor.encode(cbor.decode(SEALED) | {3: "text"}),
        bytes(20 * 1024),
    ],
)
def test_a_sealed_request_that_is_not_of_the_format_is_refused(raw):
    assert name(request.open_sealed, raw, KEM) == "bad-request"


LMS = [b"l" * 48, 1, 2, bytes(32), b"s"]
CHANGES = {
    "version 2": (FOR_BRIDGE, {1: 2}),
    "role unknown": (FOR_BRIDGE, {2: "king"}),
    "role issuer": (FOR_BRIDGE, {2: "issuer"}),
    "role unhashable": (FOR_BRIDGE, {2: []}),
    "role of a weaker key": (FOR_BRIDGE, {2: "gateway"}),
    "site empty": (FOR_BRIDGE, {3: ""}),
    "name with a space": (FOR_BRIDGE, {4: "a b"}),
    "time negative": (FOR_BRIDGE, {5: -1}),
    "time as text": (FOR_BRIDGE, {5: "now"}),
    "nonce short": (FOR_BRIDGE, {6: b"n" * 15}),
    "key short": (FOR_BRIDGE, {7: claims.key_to_cbor(BRIDGE.public_key) | {-1: b"k"}}),
    "key no map": (FOR_BRIDGE, {7: b"key"}),
    "policy missing": (FOR_BRIDGE, {8: None}),
    "policy with a space": (FOR_BRIDGE, {8: "p 1"}),
    "log of a bridge": (FOR_BRIDGE, {9: {1: "o", 2: 0, 3: []}}),
    "log of a gateway with a quorum of nobody": (FOR_GATEWAY, {9: {1: "o", 2: 1, 3: []}}),
    "gateway without a log": (FOR_GATEWAY, {9: None}),
    "gateway with a policy": (FOR_GATEWAY, {8: "p"}),
    "a member too many": (FOR_BRIDGE, {10: 1}),
    "board without its members": (FOR_BRIDGE, {2: "board", 4: DEVICE.hex()}),
    "bridge with a board's members": (FOR_BOARD, {2: "bridge"}),
    "device zero": (FOR_BOARD, {4: "0" * 16}),
    "device no id": (FOR_BOARD, {4: "attic"}),
    "device key short": (FOR_BOARD, {7: b"k" * 31}),
    "challenge short": (FOR_BOARD, {9: b"c" * 15}),
    "frame too long": (FOR_BOARD, {10: b"f" * 255}),
    "model empty": (FOR_BOARD, {11: ""}),
    "firmware short": (FOR_BOARD, {12: b"12"}),
    "channels no array": (FOR_BOARD, {13: 0}),
    "channel divided by 0": (FOR_BOARD, {13: [["A0", "V", 1, 0, 0]]}),
    "LMS key without proof": (FOR_BOARD, {14: b"l" * 48}),
    **{
        f"LMS {what}": (FOR_BOARD, {14: [*LMS[:at], value, *LMS[at + 1 :]]})
        for what, at, value in (
            ("key empty", 0, b""),
            ("key long", 0, b"l" * 61),
            ("key as text", 0, "l"),
            ("epoch negative", 1, -1),
            ("epoch long", 1, 1 << 32),
            ("seq long", 2, 1 << 32),
            ("seq null", 2, None),
            ("link short", 3, bytes(31)),
            ("signature empty", 4, b""),
            ("signature long", 4, bytes(4097)),
        )
    },
    "LMS proof with more": (FOR_BOARD, {14: [*LMS, 0]}),
}


@pytest.mark.parametrize(("raw", "changes"), CHANGES.values(), ids=CHANGES)
def test_a_request_with_a_member_out_of_its_bounds_is_refused(raw, changes):
    options = {"alg": -48, "size": 2420} if raw is FOR_GATEWAY else {}
    request.parse(rewritten(raw, {}, **options))
    assert name(request.parse, rewritten(raw, changes, **options)) == "bad-request"


FLAWS = flaws(-49, request.CONTENT_TYPE, payload(FOR_BRIDGE), 3309)


@pytest.mark.parametrize(("raw", "problem"), FLAWS.values(), ids=FLAWS)
def test_a_request_that_a_strict_writer_would_not_have_written_is_refused_by_name(raw, problem):
    assert name(request.parse, raw) == problem


def test_a_request_that_would_not_be_read_is_not_signed():
    options = {"site": "lab", "name": "attic", "time": FROM}
    assert name(request.for_key, BRIDGE, role=Role.BRIDGE, **options) == "bad-request"
    assert name(request.for_key, BRIDGE, role=Role.WITNESS, **options) == "bad-request"
    assert name(request.for_key, BRIDGE, role=Role.ISSUER, **options) == "bad-request"


LAB = Authority("lab")
PUB = authority.build(LAB.root_key, site="lab", kem=KEM.public_key, time=FROM)


def test_the_file_of_an_authority_holds_its_root_and_the_key_to_seal_to_under_the_roots_signature():
    found = authority.parse(PUB.text)
    assert (found.root, found.site, found.kem) == (LAB.root, "lab", KEM.public_key)
    assert found.fingerprint.replace(" ", "") == LAB.root.kid.hex()
    assert PUB.text.startswith("SLH-DSA-SHA2-128s ")
    assert len(PUB.text) < 16_384


LINES = PUB.text.splitlines()
PUBS = {
    "empty": "",
    "root alone": LINES[0],
    "three lines": PUB.text + LINES[0],
    "lines swapped": f"{LINES[1]}\n{LINES[0]}\n",
    "no base64": f"{LINES[0]}\nsealing @@@\n",
    "three words": f"{LINES[0]} x\n{LINES[1]}\n",
    "root of another algorithm": PUB.text.replace("SHA2-128s", "SHA2-128f"),
    "root short": f"{LINES[0][:-8]}\n{LINES[1]}\n",
    "signature altered": f"{LINES[0]}\n{LINES[1][:-8]}AAAAAAAA\n",
    "not ASCII": PUB.text + "\u2014",
    "too long": PUB.text + "\n" * 20_000,
    "root of another": f"SLH-DSA-SHA2-128s {b64encode(bytes(32)).decode()}\n{LINES[1]}\n",
}


@pytest.mark.parametrize("text", PUBS.values(), ids=PUBS)
def test_a_file_of_an_authority_that_was_altered_is_refused(text):
    assert name(authority.parse, text) == "bad-authority-file"


@settings(max_examples=50)
@given(st.text(CHARACTERS, max_size=60), st.integers(0, len(PUB.text) - 1), st.characters(max_codepoint=127))
def test_whatever_comes_as_the_file_of_an_authority_is_refused(noise, at, letter):
    assert name(authority.parse, noise) == "bad-authority-file"
    altered = PUB.text[:at] + letter + PUB.text[at + 1 :]
    with contextlib.suppress(QcotError):
        found = authority.parse(altered)
        assert (found.root, found.site, found.kem) == (LAB.root, "lab", KEM.public_key)


def test_the_key_to_seal_to_is_of_ml_kem_768():
    small = KemKey.generate(ML_KEM_512).public_key
    assert name(authority.build, LAB.root_key, site="lab", kem=small, time=FROM) == "bad-authority-file"
