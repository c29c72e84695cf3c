"""What the demonstration says of its boards: every value in its place, or told there to be lost."""

from hypothesis import given
from hypothesis import strategies as st
from qcot.demo.account import settle, told
from qcot.link.chain import LOST, Reading

DEVICE = bytes(8)
VALUES = st.lists(st.integers(0, 1023), max_size=40)


def chained(sampled: list[int], keeps: list[bool]) -> list[Reading]:
    """What a board chains of ``sampled`` when it has room as ``keeps`` says."""
    found: list[Reading] = []
    for value, kept in zip(sampled, keeps, strict=True):
        if kept:
            found.append(Reading(len(found), 0, 0, value))
        elif found and found[-1].is_loss:
            found[-1] = Reading(found[-1].seq, 0, LOST, found[-1].value + 1)
        else:
            found.append(Reading(len(found), 0, LOST, 1))
    return found


@given(st.data(), VALUES)
def test_a_value_is_accounted_for_in_its_place_or_as_a_loss_there(data: st.DataObject, sampled: list[int]) -> None:
    keeps = data.draw(st.lists(st.booleans(), min_size=len(sampled), max_size=len(sampled)))
    account = settle(DEVICE, sampled, chained(sampled, keeps), channel=0)
    assert account.accounted
    assert (account.sampled, account.recorded, account.told_lost) == (len(keeps), sum(keeps), keeps.count(False))


@given(st.data(), VALUES.filter(bool))
def test_a_value_that_is_missing_doubled_or_altered_is_not_accounted_for(
    data: st.DataObject, sampled: list[int]
) -> None:
    readings = chained(sampled, [True] * len(sampled))
    at = data.draw(st.integers(0, len(sampled) - 1))
    one = readings[at]
    altered = Reading(one.seq, one.time, one.channel, one.value ^ 1)
    for wrong in ([], [one, one], [altered]):
        assert not settle(DEVICE, sampled, readings[:at] + wrong + readings[at + 1 :], channel=0).accounted


def test_what_the_chain_tells_of_other_channels_is_left_out() -> None:
    readings = [Reading(0, 0, 0, 5), Reading(1, 0, 3, 9), Reading(2, 0, LOST, 2), Reading(3, 0, 0, 6)]
    assert told(readings, channel=0) == [5, None, None, 6]
