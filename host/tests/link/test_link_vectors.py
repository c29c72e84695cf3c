"""The vector file that the firmware's tests read too: both sides agree with it, so with each other."""

import dataclasses
import hashlib
import hmac
import json
import struct
from pathlib import Path

import pytest
from qcot.link import chain, cobs, frames, keys, messages
from qcot.link.events import Event, Resume, SawHello, SessionOpened, Trouble
from qcot.link.frames import FrameDecoder, MacKey, seal, wire
from qcot.link.layout import title
from qcot.link.messages import Hello, Opened
from qcot.link.session import Session

FILE = Path(__file__).parents[3] / "firmware" / "test" / "vectors" / "link.json"
VECTORS = json.loads(FILE.read_text())
KEYS = {name: bytes.fromhex(value) for name, value in VECTORS["keys"].items() if isinstance(value, str)}


def name(vector):
    return vector.get("name", "")


@pytest.mark.parametrize("vector", VECTORS["cobs"])
def test_cobs_is_that_of_the_vectors(vector):
    raw, encoded = bytes.fromhex(vector["raw"]), bytes.fromhex(vector["encoded"])
    assert cobs.encode(raw) == encoded
    assert cobs.decode(encoded) == raw


@pytest.mark.parametrize("vector", VECTORS["crc"])
def test_crc_is_that_of_the_vectors(vector):
    assert frames.crc(bytes.fromhex(vector["data"])) == vector["crc"]


def test_keys_and_nonces_are_derived_as_in_the_vectors():
    numbers = VECTORS["keys"]
    enrol = keys.enrolment_key(KEYS["device_key"], KEYS["challenge"])
    assert enrol.mac(b"x") == hmac.digest(KEYS["enrol_key"], b"x", "sha256")[:16]
    session = keys.session_key(KEYS["device_key"], KEYS["nonce"], KEYS["host_nonce"])
    assert session.mac(b"x") == hmac.digest(KEYS["session_key"], b"x", "sha256")[:16]
    nonce = keys.board_nonce(KEYS["device_key"], numbers["epoch"], numbers["session"], KEYS["noise"])
    assert nonce == KEYS["nonce"]


@pytest.mark.parametrize("vector", VECTORS["chain"])
def test_chain_is_that_of_the_vectors_reading_by_reading_and_at_once(vector):
    device, start = bytes.fromhex(vector["device"]), bytes.fromhex(vector["start"])
    assert chain.genesis(device, vector["epoch"]) == start
    readings = [chain.Reading(r["seq"], r["time"], r["channel"], r["value"]) for r in vector["readings"]]
    link = start
    for reading, expected in zip(readings, vector["readings"], strict=True):
        link = chain.extend(link, reading.seq, chain.pack([reading]))
        assert link.hex() == expected["link"]
    assert chain.extend(start, readings[0].seq, chain.pack(readings)) == link
    assert chain.unpack(readings[0].seq, chain.pack(readings)) == readings


def fields_of(message):
    """A record's fields under the names and in the notation of the vector file."""
    rename = {"key": "device_key", "epoch": "resume_epoch", "seq": "resume_seq", "nonce": "host_nonce"}
    out = {}
    for field in (each.name for each in dataclasses.fields(message)):
        value = getattr(message, field)
        renamed = isinstance(message, messages.Open) or (isinstance(message, messages.Enrol) and field == "key")
        out[rename[field] if renamed else field] = (
            value.hex() if isinstance(value, bytes) else list(value) if isinstance(value, tuple) else value
        )
    if isinstance(message, Hello):
        out["protocol"] = messages.PROTOCOL
    if isinstance(message, messages.Readings):
        del out["records"]
        out["readings"] = [
            {"time": each.time, "channel": each.channel, "value": each.value} for each in message.readings()
        ]
    return out


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=name)
def test_every_message_reads_and_writes_as_in_the_vectors(vector):
    raw, on_wire = bytes.fromhex(vector["raw"]), bytes.fromhex(vector["wire"])
    (frame,) = FrameDecoder().feed(b"\0" + on_wire)
    assert (frame.type, frame.flags, frame.counter, frame.raw) == (
        vector["type"],
        vector["flags"],
        vector["counter"],
        raw,
    )
    key = MacKey(bytes.fromhex(vector["key"])) if vector["key"] else None
    assert key is None or key.good(frame)
    message = messages.decode(frame)
    assert title(type(message)) == vector["message"]
    assert fields_of(message) == vector["fields"]
    assert message.encode().hex() == vector["body"]
    assert wire(seal(message.TYPE, message.encode(), vector["counter"], key)) == on_wire


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=name)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_stream_gives_the_same_frames_however_it_is_cut(vector, step):
    decoder, data = FrameDecoder(), bytes.fromhex(vector["bytes"])
    found = []
    for at in range(0, len(data), step):
        found += decoder.feed(data[at : at + step])
    assert [frame.raw.hex() for frame in found] == vector["frames"]
    assert decoder.noise == vector["noise"]


def session_at(last: int) -> Session:
    """A session under the vectors' key in which counter ``last`` was the last accepted."""
    session = Session()
    hello = Hello(1, KEYS["device"], 7, KEYS["nonce"], (1, 0, 0), bytes(32), 8, "uno")
    session.poll(0.0)
    (said,) = session.receive(b"\0" + wire(seal(Hello.TYPE, hello.encode())), 0.0)
    assert isinstance(said, SawHello)
    session.open(said.hello, KEYS["device_key"], Resume(), KEYS["host_nonce"])
    session.poll(1.0)
    opened = Opened(KEYS["device"], 7, bytes(32), (1, 0, 0), 0, 0, chain.genesis(KEYS["device"], 7), 0)
    key = MacKey(KEYS["session_key"])
    (event,) = session.receive(wire(seal(Opened.TYPE, opened.encode(), last, key)), 1.0)
    assert isinstance(event, SessionOpened)
    return session


HOST = [vector for vector in VECTORS["verdicts"] if vector["receiver"] == "host"]


@pytest.mark.parametrize("vector", HOST, ids=name)
def test_the_host_judges_each_frame_as_the_vectors_say(vector):
    assert bytes.fromhex(vector["key"]) == KEYS["session_key"]
    session = session_at(vector["last"])
    events: list[Event] = list(session.receive(bytes.fromhex(vector["wire"]), 2.0))
    counters = session.counters
    counted = {
        kind: getattr(counters, kind)
        for kind in ("noise", "forged", "replayed", "malformed")
        if getattr(counters, kind)
    }
    if vector["verdict"] == "accepted":
        assert counted == {}
        assert len(events) == 1
        assert not isinstance(events[0], Trouble)
    else:
        assert counted == {vector["verdict"]: 1}
        told = [event.problem.name for event in events if isinstance(event, Trouble)]
        assert told == ([] if vector["verdict"] == "noise" else [vector["verdict"]])


def test_the_vectors_cover_every_message_and_every_verdict():
    assert {vector["type"] for vector in VECTORS["frames"]} == set(messages.KINDS)
    assert {vector["verdict"] for vector in HOST} == {"accepted", "noise", "forged", "replayed", "malformed"}


def test_the_commitment_is_the_hash_that_the_evidence_page_states():
    device, key = KEYS["device"], KEYS["device_key"]
    assert keys.commitment(device, key) == hashlib.sha256(b"qcot/device-key/v1" + device + key).digest()
    assert struct.calcsize("<IIBi") == 13
