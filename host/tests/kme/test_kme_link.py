"""The link behind the server: it keeps keys in store, says why it has none, and adds what a simulation lacks."""

import threading

import pytest
from patience import until
from qcot.errors import QcotError
from qcot.kme import link
from qcot.kme.api import KeyRequest
from qcot.kme.delivery import Kme
from qcot.kme.link import Filler, mixed, simulated
from qcot.quantum.qkd.problems import KEY_STORE_IO


@pytest.fixture
def kme(tmp_path):
    with Kme(tmp_path, capacity=8) as made:
        yield made


@pytest.fixture
def fill(kme, monkeypatch):
    """Starts fillers that are not patient, and stops them."""
    monkeypatch.setattr(link, "AGAIN_S", (0.01, 0.02))
    monkeypatch.setattr(link, "_LOOK_EVERY_S", 0.005)
    started = []

    def start(run):
        started.append(Filler(kme, run))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


def test_the_store_is_filled_to_its_capacity_and_again_when_half_is_gone(kme, fill):
    runs = []

    def run():
        runs.append(1)
        return [bytes([len(runs)]) * 32] * 5, ""

    fill(run)
    until(lambda: kme.stored() >= 4)
    kme.issue("a", "b", KeyRequest(3))
    until(lambda: kme.stored() >= 4)
    assert len(runs) == 2
    assert kme.stored() <= kme.capacity


def test_a_link_without_a_key_says_why_is_run_again_and_goes_on(kme, fill):
    answers = [([], "the error rate is 14 %"), QcotError(KEY_STORE_IO, "no room"), ValueError("a bug")]
    failed = threading.Semaphore(0)
    seen = []

    def run():
        if running:
            seen.append(running[0].trouble)
        if not answers:
            return [bytes(32)] * 8, ""
        failed.release()
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    running = []
    running.append(fill(run))
    until(lambda: kme.stored() == 8)
    assert [each for each in seen if each] == ["the error rate is 14 %", "key-store-io: no room", "the link failed"]
    until(lambda: running[0].trouble is None)


def test_one_simulated_key_never_gives_the_same_secret_twice():
    made = [mixed(bytes(32)) for _ in range(50)]
    assert len({key.secret for key in made}) == len({key.id for key in made}) == 50
    assert all(len(key.secret) == 32 for key in made)


@pytest.mark.parametrize("protocol", ["bb84", "e91"])
def test_the_simulated_link_gives_other_keys_each_time_and_none_of_a_short_run(protocol):
    run = simulated(protocol, 300_000)
    (one, _), (two, _) = run(), run()
    assert one
    assert two
    assert not set(one) & set(two)
    assert {len(key) for key in one} == {32}
    none, why = simulated(protocol, 500)()
    assert none == ()
    assert why
