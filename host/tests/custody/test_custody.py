"""A payload is opened only after the ledger knows of it, and is gone when it was erased."""

import hashlib
import sqlite3
from dataclasses import replace

import pytest
from custody_site import CONTENTS, ECG, GATEWAY_KEY, NOTE, SITE, CustodySite
from qcot.crypto import merkle
from qcot.custody.handover import Asked, Handed
from qcot.errors import QcotError
from qcot.ledger.trust import Trust
from qcot.records import batch, statements
from qcot.records.statements import Access, Consent, Publish
from trust_site import Authority


def refusal(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


def access(site: CustodySite, record: bytes, by=None, purpose: str = "treatment") -> bytes:
    by = by or site.doctor
    return statements.build(by.key, Access(record, purpose, bytes(16)), site.now)


def on_ledger(site: CustodySite, statement: bytes) -> tuple[bytes, int]:
    """Hash and leaf of a statement once it is there."""
    return hashlib.sha256(statement).digest(), site.file.settle(statement, 1.0)


def contents(opened) -> tuple[tuple[str, bytes], ...]:
    return tuple((item.name, item.content) for item in opened.items)


def files(site: CustodySite) -> bytes:
    """Everything that this home has on disk."""
    return b"".join(path.read_bytes() for path in site.folder.rglob("*") if path.is_file())


def test_a_shared_record_is_opened_and_the_ledger_shows_who_did(site):
    record = site.shared()
    opened = site.custodian.open(record, "doctor", "treatment")
    assert [item.content for item in opened.items] == [ECG, NOTE]
    _, _, event = site.file.view().book.log(record)
    assert (event.kid, event.body.purpose) == (site.doctor.kid, "treatment")


def test_the_owner_too_leaves_an_access_behind(site):
    record = site.custodian.publish("ada", CONTENTS, "text/plain")
    site.custodian.open(record, "ada", "own-use")
    assert isinstance(site.file.view().book.log(record)[-1].body, Access)


def test_one_item_is_handed_on_and_proved_without_the_others(site):
    record = site.shared()
    one = batch.parse(site.custodian.open(record, "doctor", "treatment").item(1).encode())
    assert one.item.content == NOTE
    assert one.check().body.record == record
    assert ECG[:33] not in one.encode()
    assert site.file.view().book.record(record).root == one.check().body.root


# The access that leaves no trace (QCoT Table 2.1, user control).


def test_without_a_bridge_nothing_is_opened_and_what_was_asked_for_stays_submitted(site):
    record = site.shared()
    site.bridge_runs = False
    before = len(site.submitted)
    assert refusal(site.custodian.open, record, "doctor", "treatment") == "not-on-ledger-yet"
    assert len(site.submitted) == before + 1


def test_a_checkpoint_by_a_gateway_of_another_log_opens_nothing(site):
    """The name of a log is in its file, and a gateway is certified for one log."""
    record = site.custodian.publish("ada", CONTENTS, "text/plain")
    authority = Authority(SITE)
    elsewhere = authority.gateway(GATEWAY_KEY, origin="qcot/clinic/other")
    ledger = replace(site.file, trust=Trust(authority.root, SITE, (authority.certificate, elsewhere)))
    with pytest.raises(QcotError, match="checkpoint-unsigned"):
        replace(site.custodian, ledger=ledger).open(record, "ada", "care")
    assert site.custodian.open(record, "ada", "care").items


def test_an_access_that_no_checkpoint_covers_opens_nothing(site):
    record = site.shared()
    site.gateway_closes = False
    assert refusal(site.custodian.open, record, "doctor", "treatment") == "not-on-ledger-yet"
    (leaf, *_), asked = [leaf for leaf, _, _ in site.ledger.statements()][-1:], site.submitted[-1]
    digest = hashlib.sha256(asked).digest()
    assert refusal(site.custodian.hand_over, digest, leaf, site.doctor.public) == "access-missing"


def test_an_access_opens_once(site):
    record = site.shared()
    digest, leaf = on_ledger(site, access(site, record))
    assert contents(site.custodian.hand_over(digest, leaf, site.doctor.public).open(site.doctor)) == CONTENTS
    assert refusal(site.custodian.hand_over, digest, leaf, site.doctor.public) == "access-used"


def test_what_is_no_access_of_this_reader_opens_nothing(site):
    record = site.shared()
    hand_over, doctor = site.custodian.hand_over, site.doctor.public
    never = hashlib.sha256(access(site, record)).digest()
    digest, leaf = on_ledger(site, access(site, record))
    consented = hashlib.sha256(site.submitted[1]).digest()
    places = {raw: at for at, _, raw in site.ledger.statements()}
    assert refusal(hand_over, never, leaf, doctor) == "access-missing"
    assert refusal(hand_over, digest, leaf + 2, doctor) == "access-missing"
    assert refusal(hand_over, digest, leaf + 1, doctor) == "access-missing"  # the Qblock
    assert refusal(hand_over, consented, places[site.submitted[1]], doctor) == "access-missing"
    assert refusal(hand_over, digest, leaf, site.custodian.fresh("stranger").public) == "access-missing"


def test_a_payload_goes_to_the_key_that_the_consent_names_and_to_no_other(site):
    record = site.shared()
    digest, leaf = on_ledger(site, access(site, record))
    other = site.custodian.fresh("stranger")
    forged = type(site.doctor.public)(site.doctor.public.key, other.public.kem, other.public.proof)
    assert refusal(site.custodian.hand_over, digest, leaf, forged) == "kem-differs"
    handed = site.custodian.hand_over(digest, leaf, site.doctor.public)
    assert refusal(handed.open, other) == "not-sealed-to-you"


def test_consent_is_judged_at_the_moment_of_opening_not_at_that_of_asking(site):
    record = site.shared(until=site.now + 1000)
    asked = on_ledger(site, access(site, record))
    site.now += 1001
    assert refusal(site.custodian.hand_over, *asked, site.doctor.public) == "consent-expired"
    assert refusal(site.custodian.open, record, "doctor", "treatment") == "consent-expired"


def test_a_clock_that_is_set_back_brings_no_consent_back(site):
    record = site.shared(until=site.now + 1000)
    asked = on_ledger(site, access(site, record))
    site.now += 5000
    site.custodian.publish("ada", CONTENTS, "text/plain")
    site.now -= 5000
    assert refusal(site.custodian.hand_over, *asked, site.doctor.public) == "consent-expired"


def test_a_withdrawal_comes_before_an_access_that_was_taken_but_not_served(site):
    record = site.shared()
    asked = on_ledger(site, access(site, record))
    site.custodian.revoke(record, site.doctor.kid)
    assert refusal(site.custodian.hand_over, *asked, site.doctor.public) == "consent-missing"


@pytest.mark.parametrize(
    ("name", "purpose", "problem"),
    [("stranger", "treatment", "consent-missing"), ("doctor", "research", "purpose-differs")],
)
def test_who_may_not_open_is_told_before_anything_is_submitted(site, name, purpose, problem):
    record = site.shared()
    before = len(site.submitted)
    assert refusal(site.custodian.open, record, name, purpose) == problem
    assert refusal(site.custodian.open, bytes(16), name, purpose) == "record-unknown"
    assert len(site.submitted) == before


def test_an_access_without_consent_is_refused_by_the_ledger_too(site):
    record = site.shared()
    site.custodian.revoke(record, site.doctor.kid)
    assert refusal(site.file.settle, access(site, record), 1.0) == "consent-missing"


def test_only_the_owner_shares_and_erases(site):
    record = site.shared()
    stolen = statements.build(
        site.doctor.key, Consent(record, 2, site.doctor.public.key, bytes(32), "treatment", None), site.now
    )
    assert refusal(site.file.settle, stolen, 1.0) == "record-not-yours"


def test_an_altered_payload_is_not_given_out(site):
    record = site.shared()
    kept = site.store.get(record)
    for at in (0, 12, len(kept.payload) - 1):
        altered = kept.payload[:at] + bytes([kept.payload[at] ^ 1]) + kept.payload[at + 1 :]
        assert (
            refusal(Handed(site.doctor.kid, kept.statement, kept.wrapped, altered).open, site.doctor)
            == "payload-differs"
        )


def test_what_somebody_else_says_was_published_is_not_opened(site):
    record = site.shared()
    site.identities.hand_out("doctor", site.doctor.public)
    handed = site.custodian.answer(site.custodian.ask(record, "doctor", "treatment"))
    forged = handed.statement[:-1] + bytes([handed.statement[-1] ^ 1])
    assert refusal(replace(handed, statement=forged).open, site.doctor) == "bad-signature"
    assert contents(handed.open(site.doctor)) == CONTENTS


# An access that is asked for elsewhere.


def test_what_was_handed_out_and_asked_with_is_read_back_and_altered_bytes_are_refused(site):
    record = site.shared()
    site.identities.hand_out("doctor", site.doctor.public)
    asked = site.custodian.ask(record, "doctor", "treatment")
    assert Asked.parse(asked.encode()) == asked
    handed = site.custodian.answer(asked)
    assert contents(site.custodian.open_handed(Handed.parse(handed.encode()), "doctor")) == CONTENTS
    assert refusal(site.custodian.open_handed, handed, "ada") == "not-sealed-to-you"
    for parse, raw in ((Asked.parse, asked.encode()), (Handed.parse, handed.encode())):
        assert refusal(parse, raw[:-1]) == "bad-handover"
        assert refusal(parse, raw + b"\0") == "bad-handover"
        assert refusal(parse, b"") == "bad-handover"
    raw = asked.encode()
    for at in range(0, len(raw), 211):
        with pytest.raises(QcotError):
            Asked.parse(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    assert refusal(Asked.parse, type(asked)(site.submitted[0], asked.reader).encode()) == "bad-signature"


def test_what_was_asked_before_the_bridge_ran_is_answered_when_it_is_asked_again(site):
    record = site.shared()
    site.identities.hand_out("doctor", site.doctor.public)
    asked = site.custodian.ask(record, "doctor", "treatment")
    site.bridge_runs = False
    assert refusal(site.custodian.answer, asked) == "not-on-ledger-yet"
    site.append(asked.access)
    assert contents(site.custodian.answer(asked).open(site.doctor)) == CONTENTS
    assert refusal(site.custodian.answer, asked) == "access-used"


def test_nobody_is_told_by_the_ledger_what_is_not_kept_here(site):
    """The access would be on the ledger for nothing."""
    record = site.shared()
    site.store._db.execute("DELETE FROM record")
    before = len(site.submitted)
    assert refusal(site.custodian.open, record, "doctor", "treatment") == "record-not-here"
    assert len(site.submitted) == before


# What is on disk.


def test_no_file_shows_content_or_name_of_an_item_and_the_ledger_no_identity(site):
    opened = site.custodian.open(site.shared(), "doctor", "treatment")
    everything = files(site)
    for secret in (ECG[:33], NOTE, b"ecg.txt", b"note.txt", opened.items[0].salt):
        assert secret not in everything
    ledger = b"".join(raw for _, raw in site.ledger.leaves())
    assert not any(name in ledger for name in (b"ada", b"doctor"))


def test_every_record_has_a_pseudonym_of_its_own(site):
    records = [site.custodian.publish("ada", CONTENTS, "text/plain") for _ in range(3)]
    book = site.file.view().book
    assert len({book.record(record).owner for record in records}) == 3
    assert len({book.record(record).root for record in records}) == 3  # the same content each time


def test_erasure_leaves_no_key_and_no_payload_in_any_file_and_the_proofs_intact(site):
    record = site.shared()
    one = site.custodian.open(record, "doctor", "treatment").item(0)
    kept = site.store.get(record)
    assert kept.payload[:64] in files(site)
    site.custodian.erase(record)
    left = files(site)
    for secret in (kept.wrapped, kept.payload):
        assert not any(secret[at : at + 16] in left for at in range(0, len(secret) - 16, 16))
    assert refusal(site.custodian.open, record, "doctor", "treatment") == "record-erased"
    # What was handed out before is out of reach, and still proves what it proved.
    assert one.check().body.root == site.file.view().book.record(record).root
    leaf = next(at for at, _, raw in site.ledger.statements() if raw == kept.statement)
    signed = site.ledger.signed()
    path = merkle.inclusion_path(leaf, signed.size, site.ledger.node)
    leaf_hash = merkle.leaf_hash(site.ledger.leaf(leaf))
    assert merkle.root_from_inclusion(leaf_hash, leaf, signed.size, path) == signed.root
    site.custodian.erase(record)  # again does no harm


def test_an_erasure_that_was_interrupted_is_finished(site, monkeypatch):
    record = site.shared()
    with monkeypatch.context() as patch:
        patch.setattr(type(site.store), "destroy", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            site.custodian.erase(record)
    assert site.store.get(record).payload is not None
    assert refusal(site.custodian.open, record, "doctor", "treatment") == "record-erased"
    site.custodian.sweep(site.file.view().book)
    assert site.store.get(record).payload is None


def test_an_erasure_that_another_reader_holds_up_is_said_to_be_unfinished(site, monkeypatch):
    record = site.shared()
    site.store._db.execute("PRAGMA busy_timeout=50")
    with sqlite3.connect(site.store.path, isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchone()
        assert refusal(site.custodian.erase, record) == "erase-unfinished"
        reader.execute("ROLLBACK")
    site.custodian.erase(record)
    reader.close()


# Pseudonyms that change.


def test_a_rotated_owner_and_a_rotated_reader_keep_their_records(site):
    record = site.shared()
    owner = site.file.view().book.record(record).owner
    site.custodian.rotate("ada", owner)
    site.custodian.rotate("doctor", site.doctor.kid)
    assert contents(site.custodian.open(record, "doctor", "treatment")) == CONTENTS
    site.custodian.revoke(record, site.doctor.kid)
    assert refusal(site.custodian.open, record, "doctor", "treatment") == "consent-missing"
    assert contents(site.custodian.open(record, "ada", "own-use")) == CONTENTS


def test_a_statement_that_waits_is_there_as_soon_as_the_bridge_runs(site):
    site.bridge_runs = False
    assert refusal(site.custodian.publish, "ada", CONTENTS, "text/plain") == "not-on-ledger-yet"
    ((record, _, statement, _),) = site.store.everything()
    site.append(site.submitted[-1])
    assert isinstance(statements.parse(statement).body, Publish)
    site.bridge_runs = True
    assert contents(site.custodian.open(record, "ada", "own-use")) == CONTENTS
