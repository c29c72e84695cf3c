"""Witnesses never sign two histories, and what they and the authority say of a tree is kept beside it and checked."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_site import AUTHORITY, BRIDGE_CERTIFICATE, GATEWAY_CERTIFICATE, GATEWAY_KEY, SITE, Site
from make_golden import FOLDER
from qcot.crypto import merkle
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.errors import QcotError
from qcot.ledger import anchor, attachments, checkpoint, evidence, policies, proving
from qcot.ledger.checkpoint import Consistency, VerifierKey
from qcot.ledger.reader import Reader
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.ledger.witness import Head, Witness

KEY = SigningKey(ML_DSA_44, b"w" * 32)
ORIGIN = "qcot/lab/gateway"
LOG = VerifierKey(ORIGIN, GATEWAY_KEY.public_key)
TOWER = VerifierKey("tower", KEY.public_key)
LEAVES = 40


class Tree:
    """A log of leaves that are numbers; from leaf ``fork`` on, other numbers."""

    def __init__(self, fork: int = LEAVES) -> None:
        self.nodes, tree = {}, merkle.Frontier()
        self.roots = [tree.root()]
        for number in range(LEAVES):
            leaf = merkle.leaf_hash(bytes([number, number >= fork]))
            tree, made = tree.append(leaf)
            self.nodes |= {(level, index): digest for level, index, digest in made}
            self.roots.append(tree.root())

    @cache  # noqa: B019
    def signed(self, size: int, key: SigningKey = GATEWAY_KEY, origin: str = ORIGIN) -> checkpoint.Checkpoint:
        text = checkpoint.sign(key, origin, origin=origin, size=size, root=self.roots[size], stamp=7)
        return checkpoint.parse(text)

    def request(self, old: int, new: int, **changes) -> Consistency:
        path = merkle.consistency_path(old, new, lambda *at: self.nodes[at]) if 0 < old <= new else ()
        return Consistency(old, tuple(path), self.signed(new, **changes))


HONEST, FORKED = Tree(), Tree(fork=5)


@pytest.fixture
def witness(tmp_path):
    made = Witness.create(tmp_path / "state.sqlite", "tower", KEY)
    made.add_log(LOG)
    return made


def refused(call, *arguments, **named) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments, **named)
    return caught.value.problem.name


def test_a_cosignature_stands_under_the_checkpoint_beside_the_logs_own(witness):
    line = witness.cosign(HONEST.request(0, 7), 1234)
    both = checkpoint.parse(HONEST.signed(7).text + str(line))
    assert (both.verify(LOG), both.verify(TOWER)) == (7, 1234)
    assert witness.logs() == {ORIGIN: Head(7, HONEST.roots[7])}


def test_a_witness_follows_a_log_that_grows_and_may_sign_the_same_tree_again(witness):
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 9), (9, LEAVES)):
        line = witness.cosign(HONEST.request(old, new), 1)
        checkpoint.parse(HONEST.signed(new).text + str(line)).verify(TOWER)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (HONEST.request(0, 6), "witness-goes-back"),
        (Consistency(0, (), HONEST.signed(0)), "witness-goes-back"),
        (FORKED.request(7, 7), "witness-forked"),
        (HONEST.request(0, 9), "witness-old-size"),
        (HONEST.request(6, 9), "witness-old-size"),
        (FORKED.request(7, 9), "not-consistent"),
        (Consistency(7, (), HONEST.signed(9)), "not-consistent"),
        (Consistency(7, (bytes(32), *HONEST.request(7, 9).path[1:]), HONEST.signed(9)), "not-consistent"),
        (Consistency(7, HONEST.request(7, 9).path, FORKED.signed(9)), "not-consistent"),
        (HONEST.request(7, 9, key=KEY), "checkpoint-unsigned"),
        (HONEST.request(7, 9, origin="elsewhere"), "witness-log-unknown"),
    ],
)
def test_what_a_witness_does_not_sign_it_does_not_remember(witness, wanted, name):
    witness.cosign(HONEST.request(0, 7), 1)
    assert refused(witness.cosign, wanted, 2) == name
    assert witness.logs() == {ORIGIN: Head(7, HONEST.roots[7])}
    witness.cosign(HONEST.request(7, 9), 3)


def test_a_forged_signature_of_the_log_is_refused(witness):
    good = HONEST.signed(7)
    other = checkpoint.parse(good.text.replace(f"\n{good.size}\n", "\n8\n", 1))
    assert refused(witness.cosign, Consistency(0, (), other), 1) == "bad-signature"


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, LEAVES), st.integers(1, LEAVES)), max_size=12))
def test_whatever_is_asked_all_that_was_signed_is_one_history(tmp_path_factory, asked):
    witness = Witness.create(tmp_path_factory.mktemp("w") / "state", "tower", KEY)
    witness.add_log(LOG)
    signed = []
    for fork, old, new in asked:
        tree = FORKED if fork else HONEST
        try:
            witness.cosign(tree.request(old, new), 1)
        except QcotError:
            continue
        signed.append((new, tree.roots[new]))
    assert [size for size, _ in signed] == sorted(size for size, _ in signed)
    assert len(dict(signed)) == len(set(signed))
    assert all(root == HONEST.roots[size] for size, root in signed) or all(
        root == FORKED.roots[size] for size, root in signed
    )


def test_it_is_remembered_before_it_is_signed_also_when_killed(tmp_path):
    """A witness that is killed at any time never later signs another tree of a size that it gave out a line for."""
    path = tmp_path / "state.sqlite"
    Witness.create(path, "tower", KEY).add_log(LOG)
    (tmp_path / "one.txt").write_text(str(HONEST.request(0, 7)))
    program = (
        "import sys\nfrom pathlib import Path\nfrom qcot.crypto.signing import ML_DSA_44, SigningKey\n"
        "from qcot.ledger import checkpoint\nfrom qcot.ledger.witness import Witness\n"
        "witness = Witness(Path(sys.argv[1]), SigningKey(ML_DSA_44, b'w' * 32))\n"
        "checkpoint.cosign = lambda *_, **__: (print('remembered', flush=True), sys.stdin.read())\n"
        "witness.cosign(checkpoint.parse_consistency(Path(sys.argv[2]).read_text()), 1)\n"
    )
    words = [sys.executable, "-c", program, str(path), str(tmp_path / "one.txt")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"remembered\n"
        os.kill(process.pid, signal.SIGKILL)
    after = Witness(path, KEY)
    assert after.logs() == {ORIGIN: Head(7, HONEST.roots[7])}
    assert refused(after.cosign, FORKED.request(0, 7), 2) == "witness-forked"


def test_a_state_that_is_missing_damaged_or_anothers_is_named(tmp_path):
    path = tmp_path / "state"
    assert refused(Witness, path, KEY) == "witness-missing"
    Witness.create(path, "tower", KEY)
    assert refused(Witness.create, path, "tower", KEY) == "witness-state"
    assert refused(Witness, path, SigningKey(ML_DSA_44, bytes(32))) == "witness-state"
    assert refused(Witness.create, tmp_path / "other", "with space", KEY) == "bad-verifier-key"
    path.write_bytes(b"x" * 4096)
    assert refused(Witness, path, KEY) == "witness-state"
    (tmp_path / "empty").touch()
    assert refused(Witness, tmp_path / "empty", KEY) == "witness-state"


# What is kept beside the log


@pytest.fixture
def stored(path, site):
    """The path of a ledger of two Qblocks, closed."""
    with site.open(path) as ledger:
        site.fill(ledger, qblocks=2, transactions=1)
    return path


def cosigned(path, witness: Witness, old: int = 0) -> str:
    witness.add_log(Site.log_key)
    with Reader.open(path) as ledger:
        return str(witness.cosign(proving.consistency(ledger, old), int(time.time())))


def test_cosignatures_follow_the_gateways_own_bytes(stored, tmp_path):
    with Reader.open(stored) as ledger:
        before, size = ledger.checkpoint(), ledger.signed().size
    line = cosigned(stored, Witness.create(tmp_path / "w", "tower", KEY))
    assert attachments.store_cosignatures(stored, line, {"tower": TOWER}) == {"tower": size}
    assert attachments.store_cosignatures(stored, line, {"tower": TOWER}) == {"tower": size}
    with Reader.open(stored) as ledger:
        assert ledger.checkpoint() == ledger.checkpoint(size) == before + line
        assert ledger.signed().verify(TOWER) > 0
        assert (ledger.cosigned_by("tower"), ledger.cosigned_by("harbour")) == (size, 0)
        assert list(ledger.checkpoints_over(0)) == [before + line]


def test_they_are_stored_while_a_gateway_writes_and_it_gives_them_out_from_then_on(path, site, tmp_path):
    with site.open(path) as ledger:
        site.fill(ledger, qblocks=1, transactions=1)
        line = cosigned(path, Witness.create(tmp_path / "w", "tower", KEY))
        attachments.store_cosignatures(path, line, {"tower": TOWER})
        site.append(ledger, [site.readings(site.boards[0])])
        site.close(ledger)
        assert line in ledger.checkpoint(ledger.header(0).core.tree_size + 1)
        assert line not in ledger.checkpoint()


@pytest.mark.parametrize("what", ["stranger", "other-key", "other-tree", "later-time", "nothing", "half"])
def test_a_line_that_is_not_a_witness_s_over_a_tree_of_this_log_is_not_stored(stored, what):
    with Reader.open(stored) as ledger:
        head = ledger.signed()
    whole = {"origin": head.origin, "size": head.size, "root": head.root, "stamp": 5}
    good = checkpoint.cosign(KEY, "tower", **whole)
    line = {
        "stranger": str(checkpoint.cosign(KEY, "harbour", **whole)),
        "other-key": str(checkpoint.cosign(SigningKey(ML_DSA_44, bytes(32)), "tower", **whole)),
        "other-tree": str(checkpoint.cosign(KEY, "tower", **whole | {"root": bytes(32)})),
        "later-time": str(type(good)("tower", good.key_id, bytes(8) + good.signature[8:])),
        "nothing": "",
        "half": str(good)[:-1],
    }[what]
    text = line if what in ("nothing", "half") else f"{good}{line}"
    name = refused(attachments.store_cosignatures, stored, text, {"tower": TOWER})
    assert name == ("bad-checkpoint" if what in ("nothing", "half") else "cosignature-foreign")
    with Reader.open(stored) as ledger:
        assert ledger.cosigned_by("tower") == 0  # neither, although the first was good


def test_evidence_waits_for_the_quorum_and_takes_the_newest_tree_that_has_it(path, site, tmp_path):
    needs = AUTHORITY.gateway(GATEWAY_KEY, quorum=1, cosigners=("tower",))
    trust = Trust(AUTHORITY.root, SITE, (AUTHORITY.certificate, needs, AUTHORITY.witness(KEY, "tower")))
    witness, device = Witness.create(tmp_path / "w", "tower", KEY), site.boards[0].device
    with site.open(path) as ledger:
        site.fill(ledger, qblocks=1, transactions=1)
        assert refused(proving.for_reading, ledger, trust, device, 1, 0) == "quorum-missing"
        attachments.store_cosignatures(path, cosigned(path, witness), {"tower": TOWER})
        first = proving.for_reading(ledger, trust, device, 1, 0)
        site.append(ledger, [site.readings(site.boards[0])])
        site.close(ledger)
        again = proving.for_reading(ledger, trust, device, 1, 0)  # the newest checkpoint is not cosigned yet
        assert again.proof.checkpoint == first.proof.checkpoint
        assert refused(proving.for_reading, ledger, trust, device, 1, 30) == "quorum-missing"
        size = first.proof.checkpoint.size
        attachments.store_cosignatures(path, cosigned(path, witness, size), {"tower": TOWER})
        assert proving.for_reading(ledger, trust, device, 1, 0).proof.checkpoint.size > size
        assert proving.for_reading(ledger, trust, device, 1, 30).certificates[-1] == trust.certificates[-1]


def test_any_two_qblocks_are_proven_consistent(path, site):
    with site.open(path) as ledger:
        site.fill(ledger, qblocks=5, transactions=2)
        sizes = [ledger.header(height).core.tree_size + 1 for height in range(5)]
        roots = {size: checkpoint.parse(ledger.checkpoint(size)).root for size in sizes}
        for old in range(5):
            for new in range(old, 5):
                proof = checkpoint.parse_consistency(str(proving.consistency_between(ledger, old, new)))
                assert (proof.old, proof.checkpoint.size) == (sizes[old], sizes[new])
                assert proof.follows(roots[sizes[old]])
                assert not proof.follows(bytes(32))
        assert refused(proving.consistency_between, ledger, 3, 5) == "not-closed-yet"
        assert refused(proving.consistency_between, ledger, 3, 2) == "not-consistent"
        site.append(ledger, [site.readings(site.boards[0])])
        site.close_unsigned(ledger)
        assert refused(proving.consistency_between, ledger, 0, 5) == "not-closed-yet"


def test_the_policy_is_c2sp_text_of_log_witnesses_and_quorum(path, site):
    needs = AUTHORITY.gateway(GATEWAY_KEY, quorum=1, cosigners=("tower", "harbour"))
    other = SigningKey(ML_DSA_44, b"h" * 32)
    known = (AUTHORITY.certificate, needs, AUTHORITY.witness(KEY, "tower"), AUTHORITY.witness(other, "harbour"))
    found = policies.of_log(Trust(AUTHORITY.root, SITE, known).register(), Site.log_key)
    harbour = VerifierKey("harbour", other.public_key)
    assert str(found).splitlines() == [
        f"log {Site.log_key}", f"witness tower {TOWER}", f"witness harbour {harbour}",
        "group witnesses 1 tower harbour", "quorum witnesses",
    ]  # fmt: skip
    alone = policies.of_log(Trust(AUTHORITY.root, SITE, (AUTHORITY.certificate, GATEWAY_CERTIFICATE)).register(), LOG)
    assert str(alone).splitlines() == [f"log {LOG}", "quorum none"]
    missing = Trust(AUTHORITY.root, SITE, known[:2]).register()
    assert refused(policies.of_log, missing, LOG) == "certificate-unknown"
    assert refused(policies.of_log, missing, TOWER) == "certificate-unknown"


# Anchors


def test_an_anchor_is_stored_only_over_a_tree_of_this_log_by_the_root(stored, site):
    with Reader.open(stored) as ledger:
        head = ledger.signed()
    raw = anchor.build(AUTHORITY.root_key, origin=head.origin, size=head.size, root=head.root, time=1)
    elsewhere = evidence.parse((FOLDER / "good-anchored.qcot").read_bytes()).anchor.statement
    changed = raw[:-1] + bytes([raw[-1] ^ 1])
    assert refused(attachments.store_anchor, stored, elsewhere, AUTHORITY.root) == "anchor-foreign"
    assert refused(attachments.store_anchor, stored, changed, AUTHORITY.root) == "bad-signature"
    assert refused(attachments.store_anchor, stored, raw[:-1], AUTHORITY.root) == "bad-cbor"
    with Reader.open(stored) as ledger:
        assert ledger.anchor() is None
    assert attachments.store_anchor(stored, raw, AUTHORITY.root).size == head.size
    with Reader.open(stored) as ledger:
        assert ledger.anchor() == raw
        assert verify(ledger, site.trust).holds
    read = anchor.parse(raw)
    assert (read.origin, read.size, read.root, read.time) == (head.origin, head.size, head.root, 1)
    with Reader.open(stored) as ledger:
        _, text = next(iter(ledger.checkpoints()))
    first = checkpoint.parse(text)
    assert first.size < head.size
    late = anchor.build(AUTHORITY.root_key, origin=first.origin, size=first.size, root=first.root, time=2)
    attachments.store_anchor(stored, late, AUTHORITY.root)
    with Reader.open(stored) as ledger:
        assert ledger.anchor() == raw  # which evidence carries: it covers most
    with sqlite3.connect(stored) as database:
        database.execute("DELETE FROM anchor WHERE size < ?", (head.size,))
    for other in ("1", "(SELECT min(size) FROM checkpoint)"):
        assert damaged(stored, site.trust, f"UPDATE anchor SET size = {other}") == "anchor-foreign"
    assert damaged(stored, site.trust, "UPDATE anchor SET statement = x'00'") == "bad-cose"


@pytest.mark.parametrize(
    "change", [{"origin": ""}, {"origin": "o" * 256}, {"size": 0}, {"size": 1 << 63}, {"root": b"x"}, {"time": -1}]
)
def test_an_anchor_of_another_form_is_not_made(change):
    whole = {"origin": "o", "size": 1, "root": bytes(32), "time": 1} | change
    assert refused(anchor.build, AUTHORITY.root_key, **whole) == "bad-anchor"


def test_a_transaction_is_no_anchor():
    assert refused(anchor.parse, BRIDGE_CERTIFICATE) == "bad-cose"
    assert refused(anchor.parse, bytes(20_000)) == "bad-anchor"


def damaged(path, trust: Trust, change: str) -> str:
    """What the verification of the whole ledger says after a change of its tables."""
    with sqlite3.connect(path) as raw:
        raw.execute(change)
    with Reader.open(path) as ledger:
        failure = verify(ledger, trust).failure
    assert failure.what == "cosignatures and anchors"
    return failure.problem.name


def test_a_ledger_whose_cosignatures_stand_beside_another_tree_does_not_verify(stored, site, tmp_path):
    trust = Trust(AUTHORITY.root, SITE, (*site.trust.certificates, AUTHORITY.witness(KEY, "tower")))
    line = cosigned(stored, Witness.create(tmp_path / "w", "tower", KEY))
    attachments.store_cosignatures(stored, line, {"tower": TOWER})
    with Reader.open(stored) as ledger:
        assert verify(ledger, trust).holds
    other = "UPDATE cosignature SET size = (SELECT min(size) FROM checkpoint)"
    assert damaged(stored, trust, other) == "bad-signature"
    assert damaged(stored, trust, "UPDATE cosignature SET size = 1") == "cosignature-foreign"
