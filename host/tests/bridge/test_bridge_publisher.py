"""What a bridge makes of the answers it gets: what leaves the outbox, what is sent again, what a person is told."""

import pytest
from bridge_site import BRIDGE, BRIDGE_KEY, GATEWAY_KEY, SITE
from qcot.bridge.intake import Identity, Intake, Limits, sign
from qcot.bridge.publisher import LATER_DELAY, Publisher
from qcot.bridge.store import Store
from qcot.ledger import receipts, transactions
from qcot.ledger.receipts import Answer, Status

IDENTITY = Identity(SITE, BRIDGE, "default", BRIDGE_KEY)
DEVICE = bytes(range(8))
UNREAD = 0


class Site:
    """A publisher over an outbox of ``count`` transactions, with what it sent and told."""

    def __init__(self, path, count):
        self.store = Store(path, SITE, BRIDGE)
        for number in range(1, count + 1):
            frame = transactions.FrameEntry(DEVICE, 1, 0, number.to_bytes(8, "big"))
            self.store.seal([], sign(IDENTITY, number, 0, [frame], 1))
        self.now, self.sent, self.troubles = 0.0, [], []
        intake = Intake(self.store, IDENTITY, Limits(), clock=lambda: self.now, wall=lambda: 0)
        self.publisher = Publisher(
            self.store, GATEWAY_KEY.public_key, site=SITE, bridge=BRIDGE, send=self.sent.append,
            renumber=intake.renumber, trouble=lambda problem, reason: self.troubles.append((problem.name, reason)),
        )  # fmt: skip
        self.publisher.accepted = 1  # the two agree on the sequence: the whole window is open

    def pump(self, later=0.0):
        """The sequences that are sent when this much time has gone by."""
        self.now += later
        del self.sent[:]
        self.publisher.pump(self.now)
        return [transactions.parse(raw).sequence for raw in self.sent]

    def receive(self, *answers, wanted=1):
        raw = receipts.build(
            GATEWAY_KEY, site=SITE, bridge=BRIDGE, time=1, next_sequence=wanted, answers=answers
        )  # fmt: skip
        self.publisher.receive(raw, self.now)

    def held(self):
        return [(each.sequence, each.hash) for each in self.store.outbox()]

    def numbers(self):
        """What the frames in the outbox say, in order: it stays when sequences change."""
        entries = [transactions.parse(each.raw).entries[0] for each in self.store.outbox()]
        return [int.from_bytes(entry.frame, "big") for entry in entries]


@pytest.fixture
def site(tmp_path):
    made = []

    def make(count=3):
        made.append(Site(tmp_path / "outbox.sqlite", count))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


def later(hash_, name, reason="because", sequence=UNREAD):
    return Answer(hash_, sequence, Status.LATER, None, name, reason)


@pytest.mark.parametrize("name", ["unknown-bridge", "bad-signature", "wrong-bridge"])
def test_an_answer_that_only_a_person_can_change_is_told_with_name_and_reason_and_nothing_is_given_up(site, name):
    one = site()
    held = one.held()
    assert one.pump() == [1, 2, 3]
    one.receive(*(later(hash_, name, "no key of it") for _, hash_ in held))
    assert one.troubles == [("transactions-held-up", f"{name}: no key of it")]
    assert one.held() == held
    assert one.pump() == []
    assert one.pump(LATER_DELAY[0]) == [1, 2, 3]
    one.receive(*(Answer(hash_, at, Status.ACCEPTED, at, "", "") for at, hash_ in held), wanted=4)
    assert one.held() == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("channel-plaintext", "channel-held-up"), ("channel-off", "channel-held-up"),
        ("channel-level", "channel-held-up"), ("channel-key-unavailable", "channel-held-up"),
        ("channel-forged", "channel-held-up"), ("channel-key-unknown", "channel-rekeyed"),
    ],
)  # fmt: skip
def test_what_a_gateway_says_of_the_channel_is_told_with_its_own_remedy_and_nothing_is_given_up(site, name, told):
    one = site()
    held = one.held()
    one.pump()
    one.receive(later(held[0][1], name, "so it is"))
    assert one.troubles == [(told, f"{name}: so it is")]
    assert one.held() == held
    assert one.pump(LATER_DELAY[0]) == [1, 2, 3]


@pytest.mark.parametrize("name", ["sequence-ahead", "limit", "busy", "channel-key-wait", "channel-replayed"])
def test_an_answer_that_passes_by_itself_is_no_trouble(site, name):
    one = site()
    one.pump()
    one.receive(later(one.held()[0][1], name))
    assert one.troubles == []
    assert one.pump() == []
    assert one.pump(LATER_DELAY[0]) == [1, 2, 3]


def test_come_again_for_what_this_bridge_does_not_hold_changes_nothing(site):
    one = site()
    assert one.pump() == [1, 2, 3]
    one.receive(later(bytes(32), "bad-signature"), later(bytes(32), "busy"))
    assert one.troubles == []
    assert one.pump(LATER_DELAY[0]) == []  # all of it is still on its way


def test_what_is_taken_beside_what_is_to_come_again_ends_the_growing_wait(site):
    one = site()
    (_, first), (_, second), (_, third) = one.held()
    for wait in (1, 2, 4):
        one.pump()
        one.receive(later(first, "limit"))
        one.now += wait * LATER_DELAY[0]
    one.pump()
    one.receive(Answer(first, 1, Status.ACCEPTED, 1, "", ""), later(second, "limit"), later(third, "limit"), wanted=2)
    assert one.pump(LATER_DELAY[0]) == [2, 3]


def test_a_refusal_whose_sequence_could_not_be_read_is_set_aside_by_its_hash_and_told_under_its_own_number(site):
    one = site()
    one.pump()
    one.receive(Answer(one.held()[1][1], UNREAD, Status.REFUSED, None, "bad-cose", "no such content type"))
    assert one.troubles == [("transaction-refused", "transaction 2: bad-cose: no such content type")]
    assert [(sequence, refusal.name) for sequence, refusal in one.store.refused()] == [(2, "bad-cose")]
    assert one.publisher.refused == 1
    assert one.numbers() == [1, 3]


def test_a_sequence_that_a_refusal_did_not_use_up_is_given_to_what_comes_after_it(site):
    """Else the gateway would wait for it for ever, and all that follows with it."""
    one = site()
    one.pump()
    first, second, third = one.held()
    one.receive(Answer(first[1], UNREAD, Status.REFUSED, None, "bad-cose", "no"), wanted=1)
    one.receive(later(second[1], "sequence-ahead", sequence=2), later(third[1], "sequence-ahead", sequence=3), wanted=1)
    assert one.troubles[-1][0] == "outbox-renumbered"
    assert [sequence for sequence, _ in one.held()] == [1, 2]
    assert one.numbers() == [2, 3]
    assert one.pump() == [1, 2]
    assert one.store.next_sequence == 3


def test_a_gateway_that_wants_what_it_had_taken_is_named_and_nothing_is_renumbered(site):
    one = site()
    one.pump()
    first, second, third = one.held()
    one.receive(Answer(first[1], 1, Status.ACCEPTED, 0, "", ""), wanted=2)
    one.receive(Answer(second[1], 2, Status.REFUSED, None, "bad-frame", "no"), wanted=3)
    one.receive(later(third[1], "sequence-ahead", sequence=3), wanted=1)
    assert one.troubles[-1] == ("gateway-behind", "it wants transaction 1, the oldest here is 3")
    assert one.held() == [third]
    assert one.pump(LATER_DELAY[0]) == [3]


def test_a_gateway_that_does_not_know_the_bridge_is_not_called_behind(site):
    one = site()
    one.pump()
    first, second, _ = one.held()
    one.receive(Answer(first[1], 1, Status.ACCEPTED, 0, "", ""), wanted=2)
    one.receive(later(second[1], "unknown-bridge"), wanted=1)
    assert [name for name, _ in one.troubles] == ["transactions-held-up"]
