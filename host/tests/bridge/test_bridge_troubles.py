"""Troubles: each is told, and no flood of them fills the log."""

import logging

import pytest
from qcot.bridge.troubles import LOG_LINES, LOG_SPAN, Troubles
from qcot.errors import Problem

FORGED = Problem("frame-forged", "Nothing.")


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.WARNING)
    return caplog


def test_the_same_trouble_is_logged_once_and_counted(told):
    troubles = Troubles(lambda: 5)
    for _ in range(7):
        troubles.tell("port", FORGED, "no key makes its MAC")
    assert len(told.messages) == 1
    assert [each.times for each in troubles.views] == [7]


@pytest.mark.parametrize("place", ["mqtt:{0}", "port"])
def test_whoever_floods_with_reasons_and_places_of_his_own_fills_no_log_and_hides_nothing_after_it(told, place):
    now = 1_000_000
    troubles = Troubles(lambda: now)
    for count in range(5000):
        troubles.tell(place.format(count), FORGED, f"counter {count} after 9")
    assert len(told.messages) == LOG_LINES
    now += LOG_SPAN
    troubles.tell("outbox", Problem("disk-full", "Free some space."), "no room")
    assert told.messages[LOG_LINES] == f"{5000 - LOG_LINES} more troubles were not logged"
    assert told.messages[LOG_LINES + 1].startswith("outbox: disk-full: no room")
    assert len(troubles.views) <= 200
