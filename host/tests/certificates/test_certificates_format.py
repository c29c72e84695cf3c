"""Certificates, revocations and rotations as bytes: what is written is read, and nothing else is."""

import contextlib
import hashlib
import importlib
from dataclasses import replace

import cbor2
import pytest
from characters import CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st
from pqcrypto.sign import ml_dsa_44, slh_dsa_sha2_128s
from qcot.certificates import certificate, claims, revocation, rotation
from qcot.certificates.certificate import BoardClaims, Channel, Claims, LogClaims, Role
from qcot.crypto import cbor
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, ML_DSA_87, SigningKey
from qcot.errors import QcotError
from statement_bytes import assemble, flaws, name
from trust_site import FROM, TO, Authority

LAB = Authority("lab")
BRIDGE = SigningKey(ML_DSA_65, b"\x01" * 32)
GATEWAY = SigningKey(ML_DSA_44, b"\x02" * 32)
BOARD = BoardClaims(b"c" * 32, "mega", b"\x01\x02\x03", b"i" * 32, (Channel("A0", "V", 5, 1023, 0),), b"l" * 56)
LOG = LogClaims("qcot/lab/gateway", 2, ("one", "two", "three.example/w"))
SPAN = (FROM, TO)
EVERY = {
    Role.ISSUER: Claims(Role.ISSUER, "lab", "issuer-2", GATEWAY.public_key, *SPAN),
    Role.BRIDGE: Claims(Role.BRIDGE, "lab", "attic", BRIDGE.public_key, *SPAN, policy="p-1"),
    Role.GATEWAY: Claims(Role.GATEWAY, "lab", "gateway", GATEWAY.public_key, *SPAN, log=LOG),
    Role.WITNESS: Claims(Role.WITNESS, "lab", "three.example/w", GATEWAY.public_key, *SPAN),
    Role.BOARD: Claims(
        Role.BOARD, "lab", "0123456789abcdef", None, *SPAN, "p-1", BOARD, bridge="attic", issued_at=FROM + 7
    ),
}  # fmt: skip
HEADER = {1: -48, 3: certificate.CONTENT_TYPE, 4: LAB.key.public_key.kid}


def written(role=Role.BRIDGE):
    return claims.to_cbor(EVERY[role], LAB.key.public_key.kid)


def parsed(payload):
    return certificate.parse(assemble(HEADER, payload, 2420))


@pytest.mark.parametrize("role", Role)
def test_a_certificate_reads_back_as_it_was_issued(role):
    said = EVERY[role]
    found = certificate.parse(certificate.issue(LAB.key, said))
    found.verify(LAB.key.public_key)
    kept = {each: getattr(found, each) for each in Claims.__dataclass_fields__}
    assert Claims(**kept) == replace(said, issued_at=said.issued_at or FROM)
    assert found.issuer == LAB.key.public_key.kid
    assert found.hash == hashlib.sha256(found.raw).digest()
    assert found.kid == (bytes.fromhex(said.name) if said.key is None else said.key.kid)


@pytest.mark.parametrize(
    ("raw", "public", "verify", "issuer"),
    [
        (LAB.certificate, LAB.root.raw, slh_dsa_sha2_128s.verify, LAB.root.kid),
        (LAB.bridge(BRIDGE), LAB.key.public_key.raw, ml_dsa_44.verify, LAB.key.public_key.kid),
    ],
    ids=["by the root", "by the issuer"],
)
def test_a_certificate_is_what_its_page_says_to_programs_that_share_nothing_with_this_one(raw, public, verify, issuer):
    importlib.import_module("pqcrypto.sign")
    tagged = cbor2.loads(raw)
    protected, unprotected, payload, signature = tagged.value
    said = cbor2.loads(payload)
    assert (tagged.tag, dict(unprotected)) == (18, {})
    assert dict(cbor2.loads(protected)) == {
        1: -48 if len(signature) == 2420 else -65600,
        3: "application/vnd.qcot.certificate+cbor",
        4: issuer,
    }
    to_be_signed = cbor2.dumps(["Signature1", protected, b"qcot/certificate/v1", payload])
    assert verify(public, to_be_signed, signature) is not False
    assert (said[1], said[3], said[4], said[5]) == (issuer.hex(), "lab", TO, FROM)
    assert hashlib.sha256(public).digest()[:16] == issuer
    key = said[8][1]
    assert (key[1], key[3], len(key[-1])) == ((7, -48, 1312) if said[-65537] == "issuer" else (7, -49, 1952))
    spoilt = bytearray(to_be_signed)
    spoilt[-1] ^= 1
    try:
        held = verify(public, bytes(spoilt), signature)
    except Exception:
        held = False
    assert held is False


FORMS = {
    "certificate": (certificate, written()),
    "revocation": (revocation, {1: 1, 2: "lab", 3: b"s" * 16, 4: FROM, 5: "ceased"}),
    "rotation": (rotation, {1: 1, 2: "lab", 3: b"o" * 16, 4: b"h" * 32, 5: FROM}),
}
FLAWS = [
    pytest.param(module, *flaw, id=f"{kind}: {what}")
    for kind, (module, payload) in FORMS.items()
    for what, flaw in flaws(-48, module.CONTENT_TYPE, payload, 2420).items()
]


@pytest.mark.parametrize(("module", "raw", "problem"), FLAWS)
def test_bytes_that_a_strict_writer_would_not_have_written_are_refused_by_name(module, raw, problem):
    assert name(module.parse, raw) == problem


def test_the_good_statement_behind_all_flawed_ones_is_taken():
    for module, payload in FORMS.values():
        header = {1: -48, 3: module.CONTENT_TYPE, 4: LAB.key.public_key.kid}
        module.parse(assemble(header, payload, 2420))


def without(role, label):
    return {key: value for key, value in written(role).items() if key != label}


def board_with(**changed):
    return written(Role.BOARD) | {-65539: claims.board_to_cbor(replace(BOARD, **changed))}


def log_with(**changed):
    return written(Role.GATEWAY) | {-65540: claims.log_to_cbor(replace(LOG, **changed))}


def key_with(**changed):
    key = claims.key_to_cbor(BRIDGE.public_key)
    return written() | {8: {1: key | {int(label.strip("_").replace("m", "-")): to for label, to in changed.items()}}}


CLAIMS = {
    "a list": [1, 2],
    **{f"claim {label} missing": without(Role.BRIDGE, label) for label in written()},
    "claim unknown": written() | {38: "x"},
    "issuer is another": written() | {1: bytes(16).hex()},
    "issuer in bytes": written() | {1: LAB.key.public_key.kid},
    "role unknown": written() | {-65537: "king"},
    "role a number": written() | {-65537: 1},
    "role unhashable": written() | {-65537: []},
    "name empty": written() | {2: ""},
    "name with a space": written() | {2: "a b"},
    "name too long": written() | {2: "n" * 65},
    "name in bytes": written() | {2: b"attic"},
    "site with a slash": written() | {3: "lab/2"},
    "site a list of audiences": written() | {3: ["lab", "home"]},
    "expires before it begins": written() | {4: FROM, 5: FROM},
    "expires as it was issued": written() | {4: TO, 6: TO},
    "begins before 1970": written() | {5: -1},
    "ends after year 9999": written() | {4: 253_402_300_800},
    "times as text": written() | {4: str(TO)},
    "serial short": written() | {7: b"s" * 15},
    "serial a number": written() | {7: 7},
    "policy empty": written() | {-65538: ""},
    "policy null": written() | {-65538: None},
    "key of a board": written(Role.BOARD) | {8: {1: claims.key_to_cbor(BRIDGE.public_key)}},
    "board for a bridge": written() | {-65539: claims.board_to_cbor(BOARD)},
    "log for a bridge": written() | {-65540: claims.log_to_cbor(LOG)},
    "bridge for a bridge": written() | {-65541: "attic"},
    "bridge for a gateway": written(Role.GATEWAY) | {-65541: "attic"},
    "log missing": without(Role.GATEWAY, -65540),
    "policy for a gateway": written(Role.GATEWAY) | {-65538: "p"},
    "cnf of two": written() | {8: {1: claims.key_to_cbor(BRIDGE.public_key), 3: b"kid"}},
    "cnf a key id": written() | {8: {3: b"kid"}},
    "cnf no map": written() | {8: b"key"},
    "key of type OKP": key_with(_1=1),
    "key with more members": key_with(_2=b"kid"),
    "key of a weaker algorithm": key_with(_3=-48),
    "key of no algorithm": key_with(_3=None),
    "key of a bridge for a gateway": written(Role.GATEWAY) | {8: {1: claims.key_to_cbor(BRIDGE.public_key)}},
    "key of a bridge for a witness": written(Role.WITNESS) | {8: {1: claims.key_to_cbor(BRIDGE.public_key)}},
    "key short": key_with(_m1=b"k" * 1951),
    "key long": key_with(_m1=b"k" * 1953),
    "key as text": key_with(_m1="k" * 1952),
    "device id in capitals": written(Role.BOARD) | {2: "0123456789ABCDEF"},
    "device id short": written(Role.BOARD) | {2: "0123456789abcd"},
    "device id zero": written(Role.BOARD) | {2: "0" * 16},
    "bridge of a board empty": written(Role.BOARD) | {-65541: ""},
    "bridge of a board null": written(Role.BOARD) | {-65541: None},
    "bridge of a board with a space": written(Role.BOARD) | {-65541: "a b"},
    "commitment short": board_with(commitment=b"c" * 31),
    "image short": board_with(image=b""),
    "model empty": board_with(model=""),
    "model long": board_with(model="m" * 17),
    "firmware long": board_with(firmware=b"1234"),
    "LMS key empty": board_with(lms=b""),
    "LMS key long": board_with(lms=b"l" * 61),
    "256 channels": board_with(channels=(Channel("A0", "V", 1, 1, 0),) * 256),
    "channel without a name": board_with(channels=(Channel("", "V", 1, 1, 0),)),
    "channel divided by 0": board_with(channels=(Channel("A0", "V", 1, 0, 0),)),
    "channel beyond 32 bits": board_with(channels=(Channel("A0", "V", 1 << 31, 1, 0),)),
    "channels no array": written(Role.BOARD) | {-65539: claims.board_to_cbor(BOARD) | {5: {}}},
    "channel no array": written(Role.BOARD) | {-65539: claims.board_to_cbor(BOARD) | {5: [7]}},
    "board with a key more": written(Role.BOARD) | {-65539: claims.board_to_cbor(BOARD) | {7: 1}},
    "board no map": written(Role.BOARD) | {-65539: [1, 2, 3, 4, 5, 6]},
    "origin with a space": log_with(origin="qcot lab"),
    "quorum beyond the cosigners": log_with(quorum=4),
    "quorum negative": log_with(quorum=-1),
    "a cosigner counts twice": log_with(cosigners=("one", "one", "two")),
    "16 cosigners": log_with(cosigners=tuple(f"w{at}" for at in range(16))),
    "cosigner without a name": log_with(cosigners=("", "one", "two")),
    "cosigners unhashable": written(Role.GATEWAY) | {-65540: claims.log_to_cbor(LOG) | {3: [[], []]}},
}


@pytest.mark.parametrize("payload", CLAIMS.values(), ids=CLAIMS)
def test_claims_that_are_not_those_of_the_page_are_a_bad_certificate(payload):
    assert name(parsed, payload) == "bad-certificate"


@pytest.mark.parametrize(
    ("module", "label", "value"),
    [
        *((revocation, *each) for each in [(1, 2), (2, "a b"), (3, b"s"), (4, -1), (4, "now"), (5, "whim"), (6, 1)]),
        *((rotation, *each) for each in [(1, 2), (2, ""), (3, b"o" * 15), (4, b"h" * 33), (5, -1), (5, None), (6, 1)]),
    ],
)  # fmt: skip
def test_a_revocation_or_rotation_with_a_member_out_of_its_bounds_is_refused(module, label, value):
    kind = module.__name__.rsplit(".", 1)[-1]
    payload = FORMS[kind][1] | {label: value}
    header = {1: -48, 3: module.CONTENT_TYPE, 4: LAB.key.public_key.kid}
    assert name(module.parse, assemble(header, payload, 2420)) == f"bad-{kind}"
    assert name(module.parse, assemble(header, [1], 2420)) == f"bad-{kind}"


def test_nothing_is_signed_that_would_not_be_read():
    for bad in (replace(EVERY[Role.BRIDGE], policy=None), replace(EVERY[Role.BRIDGE], not_after=FROM)):
        assert name(certificate.issue, LAB.key, bad) == "bad-certificate"
    options = {"site": "lab", "serial": b"s" * 16, "time": FROM}
    assert name(revocation.build, LAB.key, **options, reason="whim") == "bad-revocation"
    assert name(rotation.build, BRIDGE, site="lab", old=b"", certificate=b"h" * 32, time=0) == "bad-rotation"
    with pytest.raises(ValueError, match="does not fit"):
        rotation.build(LAB.root_key, site="lab", old=b"o" * 16, certificate=b"h" * 32, time=0)


def test_the_longest_certificate_fits_the_bound_of_a_statement():
    key = SigningKey(ML_DSA_87, b"\x03" * 32).public_key
    said = claims.to_cbor(replace(EVERY[Role.ISSUER], key=key, name="n" * 64, site="s" * 64), LAB.root.kid)
    by_root = {1: LAB.root.algorithm.cose, 3: certificate.CONTENT_TYPE, 4: LAB.root.kid}
    assert len(certificate.parse(assemble(by_root, said, 7856)).raw) < 11_000
    channels = tuple(Channel(f"channel-{at:03}", "m3/s", 1 << 30, 1 << 30, 1 << 30) for at in range(255))
    board = certificate.issue(LAB.key, replace(EVERY[Role.BOARD], board=replace(BOARD, channels=channels)))
    assert len(board) < 16 * 1024


SIGNED = {
    "certificate": (certificate, LAB.bridge(BRIDGE), LAB.key.public_key, "certificate-forged"),
    "revocation": (revocation, LAB.revoke(LAB.bridge(BRIDGE)), LAB.key.public_key, "revocation-forged"),
    "rotation": (rotation, LAB.rotate(GATEWAY, BRIDGE, LAB.bridge(BRIDGE)), BRIDGE.public_key, "rotation-forged"),
}


@pytest.mark.parametrize("kind", SIGNED)
@settings(max_examples=60)
@given(st.data())
def test_a_bit_that_was_altered_anywhere_is_never_overlooked(kind, data):
    module, raw, key, forged = SIGNED[kind]
    at = data.draw(st.one_of(st.integers(0, 200), st.integers(0, len(raw) - 1)))
    spoilt = bytearray(raw)
    spoilt[at] ^= 1 << data.draw(st.integers(0, 7))
    assert name(lambda: module.parse(bytes(spoilt)).verify(key)) in ("bad-cbor", "bad-cose", f"bad-{kind}", forged)


@pytest.mark.parametrize("kind", SIGNED)
def test_a_signature_by_another_key_is_forged(kind):
    module, raw, key, forged = SIGNED[kind]
    found = module.parse(raw)
    found.verify(key)
    for other in (SigningKey(key.algorithm, b"\x09" * 32).public_key, LAB.root):
        assert name(found.verify, other) == forged


JUNK = st.recursive(
    st.none() | st.integers(-70000, 70000) | st.binary(max_size=20) | st.text(CHARACTERS, max_size=10),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.integers(-3, 16), inner, max_size=6),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", FORMS)
@settings(max_examples=30)
@given(JUNK, st.integers(0, 12), st.binary(max_size=100))
def test_whatever_comes_is_read_or_refused_by_name(kind, junk, at, noise):
    module, payload = FORMS[kind]
    label = list(payload)[at % len(payload)]
    header = {1: -48, 3: module.CONTENT_TYPE, 4: LAB.key.public_key.kid}
    for body in (junk, payload | {label: junk}):
        with contextlib.suppress(QcotError):
            module.parse(assemble(header, body, 2420))
    for raw in (noise, b"\xd2\x84" + noise, cbor.encode(junk)):
        assert name(module.parse, raw) in ("bad-cbor", "bad-cose")


NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
NUMBERS = st.integers(-(1 << 31), (1 << 31) - 1)
CHANNELS = st.builds(
    Channel,
    st.text(CHARACTERS, min_size=1, max_size=64),
    st.text(CHARACTERS, max_size=64),
    NUMBERS,
    NUMBERS.filter(bool),
    NUMBERS,
)
BOARDS = st.builds(
    BoardClaims,
    st.binary(min_size=32, max_size=32),
    st.text(CHARACTERS, min_size=1, max_size=16),
    st.binary(min_size=3, max_size=3),
    st.binary(min_size=32, max_size=32),
    st.lists(CHANNELS, max_size=5).map(tuple),
    st.one_of(st.none(), st.binary(min_size=1, max_size=60)),
)
LOGS = st.lists(st.from_regex(r"[A-Za-z0-9._/-]{1,40}", fullmatch=True), unique=True, max_size=15).flatmap(
    lambda names: st.builds(
        LogClaims,
        st.from_regex(r"[A-Za-z0-9._/-]{1,255}", fullmatch=True),
        st.integers(0, len(names)),
        st.just(tuple(names)),
    )
)


@settings(max_examples=20)
@given(NAMES, BOARDS, LOGS, st.integers(0, 10**11), st.integers(1, 10**11), st.binary(min_size=16, max_size=16))
def test_every_claim_within_its_bounds_reads_back(site, board, log, begins, length, serial):
    times = {"not_before": begins, "not_after": begins + length, "issued_at": begins, "serial": serial}
    for said in (
        Claims(Role.BOARD, site, "00000000000000ff", None, board=board, **times),
        Claims(Role.GATEWAY, site, "g", GATEWAY.public_key, log=log, **times),
    ):
        payload = cbor.decode(cbor.encode(claims.to_cbor(said, b"k" * 16)))
        assert claims.from_cbor(payload, b"k" * 16) == said
