"""Decoders against anything at all."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcot.link import chain, cobs, frames, messages, signer
from qcot.link.events import Resume, Trouble
from qcot.link.frames import FrameDecoder, MacKey, seal, wire
from qcot.link.problems import LinkError
from qcot.link.session import Session

KEY = MacKey(bytes(range(32)))
u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
i32 = st.integers(-(1 << 31), (1 << 31) - 1)


def exactly(size):
    return st.binary(min_size=size, max_size=size)


node = st.one_of(exactly(24), exactly(32))
version = st.tuples(u8, u8, u8)
record = st.builds(struct.pack, st.just("<IBi"), u32, u8, i32)
model = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=16)
name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9\-_.:/]{0,11}", fullmatch=True)
spans = st.tuples(u32, u32).map(sorted)
RECORDS = st.one_of(
    st.builds(messages.Hello, st.integers(0, 7), exactly(8), u32, exactly(16), version, exactly(32), u8, model),
    st.builds(
        messages.Readings,
        st.integers(0, (1 << 32) - 15),
        st.lists(record, min_size=1, max_size=14).map(b"".join),
        exactly(32),
    ),
    spans.flatmap(
        lambda span: st.builds(
            messages.Opened,
            exactly(8),
            u32,
            exactly(32),
            version,
            st.just(span[0]),
            st.just(span[1]),
            exactly(32),
            u32,
        )
    ),
    st.builds(messages.Enrolled, exactly(8), exactly(16), exactly(32)),
    st.builds(messages.Result, u32, st.sampled_from(messages.Code), u8),
    st.builds(messages.Status, u32, u32, u32, u32, u16, u16, u16, u16),
    st.builds(messages.Channel, u8, u32, i32, i32.filter(bool), i32, name, st.sampled_from(["", "V", "Cel", "m/s2"])),
    st.just(messages.Identify()),
    st.builds(messages.Open, exactly(16), u32, u32),
    st.builds(messages.Enrol, exactly(8), exactly(32), exactly(16)),
    st.builds(messages.Configure, u8, u32),
    st.builds(messages.Describe, u8),
    st.builds(messages.Ack, u32),
    st.builds(messages.Calibrate, u8, i32, i32, i32),
    st.builds(signer.Signer, u8, u8, st.sampled_from(signer.Phase), u16, u32, exactly(16), node),
    st.builds(signer.Leaf, u32, node),
    st.builds(signer.Checkpoint, u32, u32, u32, exactly(32), node),
    st.builds(signer.Signature, u32, u8, st.one_of(exactly(24 * 6), exactly(24), exactly(32 * 4), exactly(64))),
    st.just(signer.AskSigner()),
    st.just(signer.Generate()),
    st.builds(signer.WantLeaf, u32),
    st.builds(signer.Path, u32, u8, node),
    st.builds(signer.Sign, u32),
)


@given(st.binary(max_size=254))
def test_cobs_gives_back_what_it_was_given_one_byte_longer_and_without_zero(raw):
    coded = cobs.encode(raw)
    assert len(coded) == len(raw) + 1
    assert 0 not in coded
    assert cobs.decode(coded) == raw


@given(st.binary(max_size=300))
def test_cobs_takes_nothing_that_its_encoder_would_not_write(coded):
    raw = cobs.decode(coded)
    assert raw is None or cobs.encode(raw) == coded


def test_cobs_does_not_encode_what_a_receiver_would_drop():
    with pytest.raises(ValueError, match="255 bytes"):
        cobs.encode(bytes(255))
    with pytest.raises(ValueError, match="outside"):
        seal(1, bytes(247))


@given(RECORDS, u32)
def test_every_record_survives_the_wire(message, counter):
    auth = messages.KINDS[message.TYPE].auth
    raw = seal(message.TYPE, message.encode(), counter if auth else 0, KEY if auth else None)
    (frame,) = FrameDecoder().feed(b"\0" + wire(raw))
    assert frame.raw == raw
    assert KEY.good(frame) == auth
    assert messages.decode(frame) == message


@given(st.sampled_from(sorted(messages.KINDS)), st.binary(max_size=230))
def test_a_body_is_either_malformed_or_exactly_what_its_record_encodes(kind, body):
    try:
        outcome = messages.KINDS[kind].record.decode(body).encode()
    except LinkError as error:
        outcome = error.problem.name
    assert outcome in (body, "malformed")


@given(st.binary(max_size=2000), st.integers(1, 64))
def test_a_decoder_is_in_step_after_any_noise(noise, step):
    decoder, raw = FrameDecoder(), seal(messages.Identify.TYPE, b"")
    data = noise + b"\0" + wire(raw)
    found = []
    for at in range(0, len(data), step):
        found += decoder.feed(data[at : at + step])
        assert len(decoder._part) <= frames.MAX_RAW + 2
    assert found[-1].raw == raw


@given(RECORDS, st.integers(0, 300), st.integers(1, 255))
def test_a_byte_changed_on_the_line_is_noise_or_nothing(message, at, flip):
    auth = messages.KINDS[message.TYPE].auth
    raw = seal(message.TYPE, message.encode(), 1 if auth else 0, KEY if auth else None)
    sent = bytearray(wire(raw))
    sent[at % (len(sent) - 1)] ^= flip
    decoder = FrameDecoder()
    found = decoder.feed(b"\0" + bytes(sent))
    # CRC-16 finds every burst of up to 16 bits; a flip that makes or moves a zero cuts or shifts the frame.
    assert all(frame.raw != raw for frame in found)
    assert decoder.noise >= 1 or found


@given(st.lists(st.one_of(st.binary(max_size=80), RECORDS), max_size=12))
def test_a_session_outside_enrolment_never_fails_on_input_and_never_opens_without_a_key(parts):
    session = Session()
    session.poll(0.0)
    for part in parts:
        data = part if isinstance(part, bytes) else b"\0" + wire(seal(part.TYPE, part.encode(), 1, KEY))
        for event in session.receive(data, 1.0):
            assert not isinstance(event, Trouble) or event.problem.name in {"forged", "malformed"}
    assert session.device is None


@given(st.lists(st.tuples(u32, u8, i32), min_size=1, max_size=40), st.integers(0, 1 << 31), st.data())
def test_the_chain_is_hashlibs_and_does_not_depend_on_how_frames_cut_it(values, first, data):
    expected = link = hashlib.sha256(b"start").digest()
    for at, (time, channel, value) in enumerate(values):
        expected = hashlib.sha256(expected + struct.pack("<IIBi", first + at, time, channel, value)).digest()
    readings = [chain.Reading(first + at, *each) for at, each in enumerate(values)]
    while readings:
        size = data.draw(st.integers(1, len(readings)))
        link = chain.extend(link, readings[0].seq, chain.pack(readings[:size]))
        readings = readings[size:]
    assert link == expected
    assert Resume(1, 2, b"x") == Resume(1, 2, b"x")
