"""Who may say what about a record, in which order: each refusal by its name."""

import pytest
from qcot.crypto import cbor
from qcot.crypto.cose import SIGN1_TAG
from qcot.errors import QcotError
from qcot.records.rules import MAX_AHEAD_MS, Leave, RecordBook
from qcot.records.statements import Access, Consent, Publish, build, parse
from record_site import (
    DOCTOR,
    NEXT,
    NOW,
    OTHER,
    OWNER,
    RECORD,
    access,
    book,
    consent,
    erase,
    kem,
    publish,
    rotate,
    withdraw,
)

REFUSED = {
    "record-unknown": [((), access(OWNER, record=bytes(16)))],
    "record-repeated": [((), publish()), ((), publish(OTHER))],
    "record-not-yours": [
        ((publish(OTHER, bytes(16)),), consent(by=OTHER)),
        ((consent(),), consent(OTHER, 2, by=DOCTOR)),
        ((consent(),), erase(2, by=DOCTOR)),
        ((consent(),), withdraw(by=DOCTOR)),
    ],
    "record-erased": [
        ((erase(),), access(OWNER)),
        ((consent(), erase(2)), access()),
        ((erase(),), consent(number=2)),
        ((erase(),), erase(2)),
    ],
    "record-out-of-turn": [
        ((), consent(number=2)),
        ((), erase(2)),
        ((consent(),), consent(number=1)),
        # A consent that somebody kept, sent again after it was withdrawn.
        ((kept := consent(), withdraw()), kept),
    ],
    "consent-missing": [
        ((consent(), publish(OTHER, bytes(16))), access(OTHER)),
        ((consent(), withdraw()), access()),
        ((consent(),), withdraw(OTHER)),
        ((publish(OTHER, bytes(16)), consent()), withdraw(OTHER)),
    ],
    "consent-expired": [((consent(until=NOW + 1000),), access(time=NOW + 1001))],
    "purpose-differs": [((consent(),), access(purpose="research"))],
    "access-repeated": [((consent(), once := access()), once)],
    "pseudonym-unknown": [((), access(DOCTOR)), ((), rotate(by=DOCTOR)), ((), consent(by=DOCTOR))],
    "pseudonym-rotated": [
        ((rotate(),), access(OWNER)),
        ((rotate(),), consent()),
        ((rotate(),), rotate(OTHER)),
        ((rotate(),), publish(OWNER, bytes(16))),
        ((publish(OTHER, bytes(16)), rotate(NEXT, OTHER)), consent(OTHER)),
    ],
    "pseudonym-taken": [((consent(),), rotate(DOCTOR)), ((), publish(OWNER, bytes(16), kem=bytes(32)))],
    "statement-ahead": [((), access(OWNER, time=NOW + MAX_AHEAD_MS + 1))],
    "bad-signature": [((), rotate(proof_by=OTHER))],
}


@pytest.mark.parametrize(
    ("name", "before", "raw"),
    [
        pytest.param(name, before, raw, id=f"{name}-{at}")
        for name, cases in REFUSED.items()
        for at, (before, raw) in enumerate(cases)
    ],
)
def test_a_statement_that_does_not_follow_is_refused_by_name_and_changes_nothing(name, before, raw):
    published = publish()
    stood = book(published, *before)
    with pytest.raises(QcotError) as caught:
        stood.apply(raw, NOW)
    assert caught.value.problem.name == name
    assert stood == book(published, *before)


def test_a_record_is_opened_by_its_owner_and_by_whom_it_is_shared_with():
    stood = book(publish(), consent(), access(), access(nonce=1), access(OWNER))
    assert stood.may_open(RECORD, OWNER.public_key.kid, NOW) is None
    assert stood.may_open(RECORD, DOCTOR.public_key.kid, NOW) == Leave("treatment", NOW + 1000, kem(DOCTOR))
    assert stood.kem_of(RECORD, DOCTOR.public_key.kid) == kem(DOCTOR)
    assert [type(event.body).__name__ for event in stood.log(RECORD)] == [
        "Publish", "Consent", "Access", "Access", "Access",
    ]  # fmt: skip
    assert [event.kid for event in stood.log(RECORD)][2:] == [DOCTOR.public_key.kid] * 2 + [OWNER.public_key.kid]


def test_consent_counts_to_its_last_millisecond_and_without_end_where_none_is_set():
    stood = book(publish(), consent(until=NOW + 1000), consent(OTHER, 2, until=None))
    stood.may_open(RECORD, DOCTOR.public_key.kid, NOW + 1000)
    with pytest.raises(QcotError, match="consent-expired"):
        stood.may_open(RECORD, DOCTOR.public_key.kid, NOW + 1001)
    assert stood.may_open(RECORD, OTHER.public_key.kid, 1 << 62).purpose == "treatment"


def test_a_newer_consent_stands_in_place_of_the_older():
    stood = book(publish(), consent(), consent(number=2, purpose="research", until=None))
    with pytest.raises(QcotError, match="purpose-differs"):
        stood.apply(access(), NOW)
    stood.apply(access(purpose="research"), NOW)


def test_rotation_hands_records_and_consents_to_the_new_key_and_only_to_it():
    stood = book(publish(), consent(), rotate(NEXT, OWNER), rotate(OTHER, DOCTOR))
    assert stood.is_owner(RECORD, NEXT.public_key.kid)
    assert not stood.is_owner(RECORD, OWNER.public_key.kid)
    assert stood.kem_of(RECORD, OTHER.public_key.kid) == kem(OTHER)
    shared = stood.apply(access(OTHER), NOW).apply(withdraw(OTHER, 2, NEXT), NOW)
    with pytest.raises(QcotError, match="consent-missing"):
        shared.may_open(RECORD, OTHER.public_key.kid, NOW)


def test_a_withdrawal_reaches_a_recipient_that_has_changed_its_key_meanwhile():
    stood = book(publish(), consent(), rotate(OTHER, DOCTOR), withdraw(DOCTOR))
    with pytest.raises(QcotError, match="consent-missing"):
        stood.may_open(RECORD, OTHER.public_key.kid, NOW)


def test_an_erased_record_is_still_known_and_its_log_still_read():
    stood = book(publish(), consent(), access(), erase(2))
    assert stood.record(RECORD).erased
    assert len(stood.log(RECORD)) == 4


def test_a_signature_is_looked_at_unless_the_statement_was_verified_before():
    raw = cbor.decode(consent(), tags=(SIGN1_TAG,))
    raw.value[3] = bytes(len(raw.value[3]))
    forged = cbor.encode(raw)
    with pytest.raises(QcotError, match="bad-signature"):
        book(publish()).apply(forged, NOW)
    assert book(publish()).apply(forged, NOW, check=False).record(RECORD).consents


def test_a_record_cannot_be_published_under_the_key_of_another():
    foreign = publish(OTHER, bytes(16), kem=kem(OWNER))
    body = parse(foreign).body
    stolen = build(DOCTOR, Publish(bytes(16), OTHER.public_key, body.kem, body.root, 1, body.digest, "a/b"), NOW)
    with pytest.raises(QcotError, match="bad-signature"):
        RecordBook().apply(stolen, NOW)


def test_a_replay_gives_the_same_book_whatever_time_it_is_made_at():
    raws = publish(), consent(), access(), withdraw(), erase(3)
    late = NOW + 10**9  # consents have ended, as when a ledger is verified later
    assert book(*raws) == book(*raws, time=late)


def test_what_statements_say_is_kept_as_it_was_said():
    stood = book(publish(count=3, media_type="application/dicom"), consent(), access(nonce=9))
    _, shared, opened = stood.log(RECORD)
    assert isinstance(shared.body, Consent)
    assert shared.body.key == DOCTOR.public_key
    assert opened.body == Access(RECORD, "treatment", bytes([9]) * 16)
    record = stood.record(RECORD)
    assert (record.count, record.media_type, record.published) == (3, "application/dicom", NOW)
