"""COSE_Sign1: the header that docs/evidence.md names and no other, over bytes that are never encoded again."""

import cbor2
import pytest
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st
from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SLH_DSA_SHA2_128F, SigningKey
from qcot.errors import QcotError

KIND = cose.Kind(ML_DSA_65, "application/vnd.test+cbor", b"test/v1", with_policy=True)
PLAIN = cose.Kind(ML_DSA_44, "application/vnd.other+cbor", b"other/v1", with_policy=False)
KEY = SigningKey(ML_DSA_65, b"\x01" * 32)
KEY_44 = SigningKey(ML_DSA_44, b"\x02" * 32)
SIGNED = cose.sign(KEY, KIND, b"payload", "policy-1")
HEADER = {1: -49, 3: KIND.content_type, 4: KEY.public_key.kid, -65537: "policy-1"}


def name(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


def assemble(header, unprotected=None, payload=b"payload", size=3309, tag=18):
    protected = header if isinstance(header, bytes) else cbor.encode(header)
    return cbor.encode(CBORTag(tag, [protected, unprotected or {}, payload, bytes(size)]))


def test_a_signed_message_reads_back_and_verifies():
    for kind, key, policy in ((KIND, KEY, "policy-1"), (PLAIN, KEY_44, None)):
        message = cose.parse(cose.sign(key, kind, b"payload", policy), kind)
        assert (message.payload, message.policy, message.kid) == (b"payload", policy, key.public_key.kid)
        message.verify(key.public_key)


def test_the_signature_is_over_the_sig_structure_of_rfc_9052():
    tagged = cbor2.loads(SIGNED)
    protected, unprotected, payload, signature = tagged.value
    assert (tagged.tag, dict(unprotected), cbor2.loads(protected)) == (18, {}, HEADER)
    KEY.public_key.verify(signature, cbor2.dumps(["Signature1", protected, b"test/v1", payload]))


def test_another_external_aad_key_or_payload_does_not_verify():
    other_aad = cose.Kind(ML_DSA_65, KIND.content_type, b"test/v2", with_policy=True)
    assert name(cose.parse(SIGNED, other_aad).verify, KEY.public_key) == "bad-signature"
    other_key = SigningKey(ML_DSA_65, b"\x03" * 32).public_key
    assert name(cose.parse(SIGNED, KIND).verify, other_key) == "bad-signature"
    assert name(cose.parse(SIGNED, KIND).verify, KEY_44.public_key) == "bad-signature"
    changed = SIGNED.replace(b"payload", b"pay10ad")
    assert name(cose.parse(changed, KIND).verify, KEY.public_key) == "bad-signature"


@pytest.mark.parametrize(
    "header",
    [
        {},
        HEADER | {1: -48},
        HEADER | {1: -7},
        HEADER | {3: "text/plain"},
        HEADER | {3: 60},
        HEADER | {4: b"short"},
        HEADER | {4: "text"},
        HEADER | {2: [3]},
        HEADER | {5: b"iv"},
        HEADER | {-65537: ""},
        HEADER | {-65537: "with space"},
        HEADER | {-65537: "x" * 65},
        HEADER | {-65537: 7},
        {label: value for label, value in HEADER.items() if label != -65537},
        [1, -49],
    ],
    ids=str,
)
def test_a_header_that_is_not_exactly_the_known_one_is_refused(header):
    assert name(cose.parse, assemble(header), KIND) == "bad-cose"


@pytest.mark.parametrize(
    "data",
    [
        cbor.encode([cbor.encode(HEADER), {}, b"", bytes(3309)]),
        cbor.encode(CBORTag(18, [cbor.encode(HEADER), {}, b""])),
        cbor.encode(CBORTag(18, {1: 2})),
        assemble(HEADER, unprotected={4: b"kid"}),
        assemble(HEADER, payload=None),
        assemble(HEADER, size=3308),
        assemble(HEADER, size=3310),
        cbor.encode(7),
    ],
)
def test_a_body_that_is_not_a_sign1_of_this_kind_is_refused(data):
    assert name(cose.parse, data, KIND) == "bad-cose"


def test_untrue_cbor_is_refused_inside_and_out():
    assert name(cose.parse, SIGNED + b"\0", KIND) == "bad-cbor"
    assert name(cose.parse, assemble(b"\xa2\x03\x00\x01\x00"), KIND) == "bad-cbor"
    assert name(cose.parse, assemble(HEADER, tag=17), KIND) == "bad-cbor"
    assert name(cose.parse, b"\xd2\x9f", KIND) == "bad-cbor"
    assert name(cose.parse, assemble(HEADER | {3: "x" * cose.MAX_HEADER}), KIND) == "bad-cbor"


def test_a_header_that_is_known_from_one_kind_is_judged_anew_for_another():
    assert cose.parse(SIGNED, KIND).policy == "policy-1"
    for other in (
        cose.Kind(ML_DSA_65, KIND.content_type, KIND.external_aad, with_policy=False),
        cose.Kind(ML_DSA_65, PLAIN.content_type, KIND.external_aad, with_policy=True),
        cose.Kind(ML_DSA_44, KIND.content_type, KIND.external_aad, with_policy=True),
    ):
        assert name(cose.parse, SIGNED, other) == "bad-cose"


def test_a_message_of_another_kind_is_refused():
    assert name(cose.parse, cose.sign(KEY_44, PLAIN, b""), KIND) == "bad-cose"


EITHER = cose.Kind(ML_DSA_44, PLAIN.content_type, PLAIN.external_aad, with_policy=False, others=(SLH_DSA_SHA2_128F,))
ROOT = SigningKey.generate(SLH_DSA_SHA2_128F)


def test_a_kind_of_two_algorithms_takes_both_and_no_third():
    for key in (KEY_44, ROOT):
        message = cose.parse(cose.sign(key, EITHER, b"payload"), EITHER)
        assert message.algorithm == key.algorithm
        message.verify(key.public_key)
    assert name(cose.parse, cose.sign(ROOT, EITHER, b""), PLAIN) == "bad-cose"
    with pytest.raises(ValueError, match="fit"):
        cose.sign(KEY, EITHER, b"")


def test_an_algorithm_that_is_claimed_but_is_not_the_key_s_does_not_verify():
    protected, _, payload, _ = cbor2.loads(cose.sign(KEY_44, EITHER, b"payload")).value
    header = cbor2.loads(protected) | {1: SLH_DSA_SHA2_128F.cose}
    claimed = assemble(header, payload=payload, size=SLH_DSA_SHA2_128F.signature_size)
    assert name(cose.parse(claimed, EITHER).verify, KEY_44.public_key) == "bad-signature"
    assert name(cose.parse, assemble(header, size=2420), EITHER) == "bad-cose"


def test_the_content_type_is_read_from_the_header_alone():
    assert cose.content_type(SIGNED) == KIND.content_type
    assert cose.content_type(SIGNED[:150]) == KIND.content_type
    assert cose.content_type(SIGNED + b"x" * (2 << 20)) == KIND.content_type  # what follows is parse()'s to refuse


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xd2",
        b"\xd2\x84",
        b"\xd2\x84\x58",
        b"\xd2\x84\x59\x01\x00" + bytes(256),
        b"\xd2\x84\x43\xa1\x03",
        b"\xd2\x84\xa0",
        b"\xd2\x84\x00",
        b"\xd2\x84\xff",
        b"\xd1" + SIGNED[1:],
        assemble({1: -49}),
        assemble({3: 60}),
        assemble([3, "text"]),
        assemble(b""),
        assemble(b"\xbf\x03\x61\x61\xff"),
    ],
    ids=lambda data: data[:8].hex() or "empty",
)
def test_a_header_that_names_no_content_type_is_refused(data):
    assert name(cose.content_type, data) in ("bad-cose", "bad-cbor")


@given(st.binary(max_size=300))
def test_any_bytes_give_a_content_type_or_are_refused_by_name(data):
    for each in (data, SIGNED[:3] + data, SIGNED[:4] + data):
        try:
            outcome = type(cose.content_type(each))
        except QcotError as error:
            outcome = error.problem.name
        assert outcome in (str, "bad-cose", "bad-cbor")


@pytest.mark.parametrize(("key", "policy"), [(KEY_44, "p"), (KEY, None), (KEY, "no spaces")])
def test_signing_what_does_not_fit_the_kind_is_a_bug_of_the_caller(key, policy):
    with pytest.raises(ValueError, match=r"fit|policy"):
        cose.sign(key, KIND, b"", policy)


@given(st.data())
def test_any_change_of_a_signed_message_is_refused(data):
    at = data.draw(st.integers(0, len(SIGNED) - 1))
    changed = bytearray(SIGNED)
    changed[at] ^= data.draw(st.integers(1, 255))
    assert refused(bytes(changed))
    assert refused(SIGNED[:at])


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(data):
    assert refused(data)


def refused(data: bytes) -> bool:
    try:
        cose.parse(data, KIND).verify(KEY.public_key)
    except QcotError as error:
        return error.problem.name in ("bad-cbor", "bad-cose", "bad-signature")
    return False
