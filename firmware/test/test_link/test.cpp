#include "link/decoder.h"
#include "link/frame.h"
#include "link/keys.h"
#include "support/harness.h"
#include "vectors.h"

using namespace qcot;
using namespace qcot_test;

using Decoder = FrameDecoder<kMaxRaw>;

TEST(cobs_is_that_of_the_vectors) {
    for (const auto& row : vectors::cobs) {
        const auto one = from_flash(row);
        uint8_t frame[kMaxRaw + 2], want[kMaxRaw + 1];
        const uint16_t size = load(one.raw, frame + 1);
        const uint16_t encoded = load(one.encoded, want);
        CHECK_EQUAL(cobs_encode(frame, uint8_t(size)), encoded + 1);
        CHECK_BYTES(frame, want, encoded);
        CHECK_EQUAL(frame[encoded], 0);
    }
}

TEST(crc_is_that_of_the_vectors) {
    for (const auto& row : vectors::crc) {
        const auto one = from_flash(row);
        uint8_t data[256];
        CHECK_EQUAL(crc16(data, load(one.data, data)), one.crc);
    }
}

TEST(keys_are_those_of_the_vectors) {
    uint8_t secret[kSecretSize], challenge[kNonceSize], host_nonce[kNonceSize], noise[kNoiseSize], want[kHashSize];
    HmacKey device, wanted, have;
    load(vectors::device_key, secret);
    load(vectors::challenge, challenge);
    load(vectors::host_nonce, host_nonce);
    load(vectors::noise, noise);
    hmac_key(device, secret, kSecretSize);

    load(vectors::enrol_key, want);
    hmac_key(wanted, want, kHashSize);
    derive_enrol_key(device, challenge, have);
    CHECK_BYTES(&have, &wanted, sizeof have);

    uint8_t nonce[kNonceSize];
    load(vectors::nonce, want);
    derive_nonce(device, vectors::epoch, vectors::session, noise, nonce);
    CHECK_BYTES(nonce, want, kNonceSize);

    load(vectors::session_key, want);
    hmac_key(wanted, want, kHashSize);
    derive_session_key(device, nonce, host_nonce, device);
    CHECK_BYTES(&device, &wanted, sizeof wanted);
}

TEST(a_frame_of_a_board_is_sealed_as_in_the_vectors) {
    for (const auto& row : vectors::board_frames) {
        const auto one = from_flash(row);
        tally().vector = one.name;
        uint8_t secret[kHashSize], body[kMaxRaw], want[kMaxRaw + 2];
        HmacKey key;
        hmac_key(key, secret, uint8_t(load(one.key, secret)));
        const uint16_t size = load(one.body, body);
        static FrameBuffer frame;
        Writer out = frame.begin(Type(one.type), one.counter);
        out.bytes(body, uint8_t(size));
        const uint16_t wire = frame.seal(out, one.key.size ? &key : nullptr);
        CHECK_EQUAL(wire, load(one.wire, want));
        CHECK_BYTES(frame.data(), want, wire);
    }
}

TEST(a_frame_of_a_host_is_read_as_in_the_vectors) {
    static Decoder decoder;
    decoder.push(0);
    for (const auto& row : vectors::host_frames) {
        const auto one = from_flash(row);
        tally().vector = one.name;
        uint8_t wire[kMaxRaw + 2], raw[kMaxRaw], secret[kHashSize];
        const uint16_t size = load(one.wire, wire);
        for (uint16_t i = 0; i + 1 < size; ++i) CHECK(decoder.push(wire[i]) == Decoder::Event::none);
        CHECK(decoder.push(0) == Decoder::Event::frame);
        CHECK_EQUAL(decoder.size(), load(one.raw, raw));
        CHECK_BYTES(decoder.raw(), raw, decoder.size());
        CHECK_EQUAL(raw[0], one.type);
        CHECK_EQUAL(read_u32(raw + 2), one.counter);
        if (!one.key.size) continue;
        HmacKey key;
        hmac_key(key, secret, uint8_t(load(one.key, secret)));
        CHECK(mac_good(raw, decoder.size(), key));
        key.inner[3] ^= 1;
        CHECK(!mac_good(raw, decoder.size(), key));
    }
}

TEST(the_decoder_starts_again_at_each_delimiter) {
    for (const auto& row : vectors::streams) {
        const auto one = from_flash(row);
        tally().vector = one.name;
        static Decoder decoder;
        new (&decoder) Decoder();
        uint8_t expected[128];
        load(one.frames, expected);  // each after its size
        uint16_t noise = 0, at = 0;
        for (uint16_t i = 0; i < one.bytes.size; ++i) {
            const auto event = decoder.push(pgm_read_byte(one.bytes.at + i));
            noise = uint16_t(noise + (event == Decoder::Event::noise));
            if (event != Decoder::Event::frame) continue;
            CHECK(at < one.frames.size);
            CHECK_EQUAL(decoder.size(), expected[at]);
            CHECK_BYTES(decoder.raw(), expected + at + 1, decoder.size());
            at = uint16_t(at + 1 + decoder.size());
        }
        CHECK_EQUAL(at, one.frames.size);
        CHECK_EQUAL(noise, one.noise);
    }
}

TEST(a_frame_longer_than_the_decoder_holds_is_noise_whatever_it_says) {
    Random random = {1};
    for (uint8_t size = 8; size <= 80; ++size) {
        static FrameDecoder<kMaxHostRaw> decoder;
        uint8_t frame[kMaxRaw + 2];
        for (uint8_t i = 1; i <= size - 2; ++i) frame[i] = uint8_t(random.below(4));
        Writer(frame + size - 1).u16(crc16(frame + 1, uint16_t(size - 2)));
        const uint16_t wire = cobs_encode(frame, size);
        decoder.push(0);
        auto event = FrameDecoder<kMaxHostRaw>::Event::none;
        for (uint16_t i = 0; i < wire; ++i) event = decoder.push(frame[i]);
        CHECK((event == FrameDecoder<kMaxHostRaw>::Event::frame) == (size <= kMaxHostRaw));
        CHECK((event == FrameDecoder<kMaxHostRaw>::Event::noise) == (size > kMaxHostRaw));
    }
}

TEST(every_single_bit_error_is_noise) {
    static Decoder decoder;
    const auto one = from_flash(vectors::host_frames[0]);
    uint8_t wire[kMaxRaw + 2];
    const uint16_t size = load(one.wire, wire);
    for (uint16_t bit = 0; bit < uint16_t(8 * (size - 1)); ++bit) {
        decoder.push(0);
        wire[bit / 8] = uint8_t(wire[bit / 8] ^ (1 << bit % 8));
        for (uint16_t i = 0; i < size; ++i) CHECK(decoder.push(wire[i]) != Decoder::Event::frame);
        wire[bit / 8] = uint8_t(wire[bit / 8] ^ (1 << bit % 8));
    }
}

QCOT_TEST_MAIN("link")
