// A whole board over a machine in memory, talked to in frames.
#include "chain/chain.h"
#include "support/host.h"

using namespace qcot;
using namespace qcot_test;
using machine::state;

namespace {

void next_epoch_is(uint32_t epoch) {
    while (store::epoch_next() + 1 < epoch) {
    }
}

// noise, forged, replayed as the next STATUS has them.
struct Counts {
    uint16_t noise, forged, replayed;
};
Counts counts(Board& board) {
    state.now += kStatusMs;
    CHECK(machine::run(board));
    CHECK(host.heard(Type::status));
    return {read_u16(body() + 16), read_u16(body() + 18), read_u16(body() + 20)};
}

void sample(Board& board, uint8_t count) {
    while (count--) board.sampled({state.now, 0, int32_t(state.now % 1024)});
}

// Follows the chain of what comes.
struct Follower {
    Link link;
    uint32_t next;
    uint32_t lost;
    void start(uint32_t epoch) {
        uint8_t device[kDeviceSize];
        load(vectors::device, device);
        chain_start(device, epoch, link);
        next = lost = 0;
    }
    // True if state.out is the next READINGS, and its link follows.
    bool take() {
        if (!host.heard(Type::readings) || read_u32(body()) != next) return false;
        const uint8_t count = body()[4];
        const uint8_t* at = body() + 5;
        for (uint8_t i = 0; i < count; ++i, at += kReadingSize) {
            const Reading reading = {read_u32(at), at[4], int32_t(read_u32(at + 5))};
            if (reading.channel == kLost) lost += uint32_t(reading.value);
            chain_step(link, next++, reading);
        }
        return memcmp(link, at, kHashSize) == 0;
    }
};

Follower follower;

}  // namespace

TEST(a_board_says_hello_at_boot_and_each_second) {
    machine::reset();
    Board& board = machine::boot();
    CHECK(machine::run(board));
    CHECK(out_type() == Type::hello);
    CHECK_EQUAL(state.out_size, kHeadSize + 66 + strlen(QCOT_MODEL) + 2);
    CHECK_EQUAL(read_u32(state.out + 2), 0);
    CHECK_EQUAL(body()[0], kProtocol);
    CHECK_EQUAL(body()[1], 0);
    CHECK_EQUAL(read_u32(body() + 10), 1);
    for (uint8_t i = 0; i < 8; ++i) CHECK_EQUAL(body()[2 + i], 0);
    for (uint8_t i = 0; i < 16; ++i) CHECK_EQUAL(body()[14 + i], 0);
    uint8_t image[machine::kImageSize], hash[kHashSize];
    for (uint8_t i = 0; i < sizeof image; ++i) image[i] = machine::image_byte(i);
    sha256(image, sizeof image, hash);
    CHECK_BYTES(body() + 33, hash, kHashSize);
    CHECK_EQUAL(body()[65], kChannels);
    CHECK_BYTES(body() + 66, QCOT_MODEL, strlen(QCOT_MODEL));
    state.now = 999;
    CHECK(!machine::run(board));
    state.now = 1000;
    CHECK(machine::run(board));
    CHECK(out_type() == Type::hello);
}

TEST(enrolment_proves_that_the_key_is_there) {
    machine::reset();
    Board& board = boot();
    CHECK(enrol(board));
    CHECK(out_type() == Type::enrolled);
    CHECK_EQUAL(read_u32(state.out + 2), 1);
    uint8_t secret[kHashSize], challenge[kNonceSize], device[kDeviceSize];
    HmacKey key;
    hmac_key(key, secret, uint8_t(load(vectors::enrol_key, secret)));
    CHECK(mac_good(state.out, uint8_t(state.out_size), key));
    load(vectors::device, device);
    load(vectors::challenge, challenge);
    CHECK_BYTES(body(), device, kDeviceSize);
    CHECK_BYTES(body() + kDeviceSize, challenge, kNonceSize);
    plain(board, Type::identify);
    CHECK_EQUAL(body()[1], kStateEnrolled);
    CHECK_BYTES(body() + 2, device, kDeviceSize);
}

TEST(an_identity_is_written_once_and_outlives_power) {
    machine::reset();
    enrol(boot());
    Board& board = boot();
    CHECK(enrol(board));
    CHECK(plain_refused(Code::already_enrolled));
    CHECK(open(board));
    state.erase_held = true;
    boot();
    state.erase_held = false;
    Board& erased = boot();
    plain(erased, Type::identify);
    CHECK_EQUAL(body()[1], 0);
    CHECK(enrol(erased));
    CHECK(out_type() == Type::enrolled);
}

TEST(an_identity_of_zeros_and_one_that_the_store_does_not_take_are_refused) {
    machine::reset();
    Board& board = boot();
    const uint8_t zeros[kEnrolBody] = {};
    plain(board, Type::enrol, zeros, kEnrolBody);
    CHECK(plain_refused(Code::bad_length));
    state.worn_to = 4;
    CHECK(enrol(board));
    CHECK(plain_refused(Code::storage_failed));
    plain(board, Type::identify);
    CHECK_EQUAL(body()[1], 0);
}

TEST(a_damaged_identity_is_told_and_serves_nobody) {
    machine::reset();
    enrol(boot());
    state.storage[10] ^= 1;
    Board& board = boot();
    plain(board, Type::identify);
    CHECK_EQUAL(body()[1], kStateDamaged);
    CHECK(!open(board));
    CHECK(plain_refused(Code::not_enrolled));
    enrol(board);
    CHECK(plain_refused(Code::already_enrolled));
}

TEST(an_identity_that_goes_bad_under_a_running_board_opens_nothing) {
    machine::reset();
    Board& board = boot();
    enrol(board);
    uint8_t message[kOpenBody];
    prepare_open(board, message, 0, 0);
    host.key.inner[0] ^= 1;
    CHECK(!host.say(board, Type::open, message, kOpenBody));  // forged: what it derived must not be there any more
    host.key.inner[0] ^= 1;
    host.counter = 0;
    state.storage[10] ^= 1;
    CHECK(!host.say(board, Type::open, message, kOpenBody));
    state.storage[10] ^= 1;
    host.counter = 0;
    CHECK(host.say(board, Type::open, message, kOpenBody));
    CHECK(host.heard(Type::opened));
}

TEST(a_device_key_does_not_stay_in_memory_however_its_enrolment_ends) {
    uint8_t secret[kSecretSize];
    load(vectors::device_key, secret);
    const auto holds = [&secret](const Board& board) {
        const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(&board);
        for (uint16_t at = 0; at + sizeof secret <= sizeof board; ++at) {
            if (memcmp(bytes + at, secret, sizeof secret) == 0) return true;
        }
        return false;
    };
    machine::reset();
    Board& board = boot();
    state.worn_to = 4;
    enrol(board);
    CHECK(plain_refused(Code::storage_failed));
    CHECK(!holds(board));
    state.worn_to = 0;
    enrol(board);
    CHECK(out_type() == Type::enrolled);
    CHECK(!holds(board));
    enrol(board);
    CHECK(plain_refused(Code::already_enrolled));
    CHECK(!holds(board));
}

TEST(a_board_without_an_identity_opens_nothing_and_chains_nothing) {
    machine::reset();
    Board& board = boot();
    CHECK(!open(board));
    CHECK(plain_refused(Code::not_enrolled));
    CHECK_EQUAL(read_u32(body()), 1);
    sample(board, 20);
    state.now = 500;
    CHECK(!machine::run(board));
}

TEST(opened_tells_where_the_board_stands_under_the_session_key) {
    machine::reset();
    Board& board = boot();
    enrol(board);
    sample(board, 5);
    state.now = 4321;
    CHECK(open(board));
    CHECK_EQUAL(read_u32(state.out + 2), 1);
    follower.start(1);
    CHECK_EQUAL(read_u32(body() + 8), 1);
    CHECK_EQUAL(read_u32(body() + 47), 0);
    CHECK_EQUAL(read_u32(body() + 51), 5);
    CHECK_BYTES(body() + 55, follower.link, kHashSize);
    CHECK_EQUAL(read_u32(body() + 87), 4321);
}

TEST(a_nonce_opens_one_session_and_never_comes_again) {
    machine::reset();
    enrol(boot());
    uint8_t nonces[6][kNonceSize];
    uint8_t seen = 0;
    for (uint8_t power = 0; power < 2; ++power) {
        Board& board = boot();
        for (uint8_t session = 0; session < 3; ++session, ++seen) {
            plain(board, Type::identify);
            memcpy(nonces[seen], body() + 14, kNonceSize);
            for (uint8_t i = 0; i < seen; ++i) CHECK(memcmp(nonces[i], nonces[seen], kNonceSize) != 0);
            CHECK(open(board));
        }
    }
}

TEST(a_replayed_open_is_forged_and_leaves_the_session) {
    Board& board = ready();
    uint8_t message[kOpenBody] = {};
    load(vectors::host_nonce, message);
    const Host before = host;
    host.counter = 0;
    CHECK(!host.say(board, Type::open, message, kOpenBody));
    host = before;
    CHECK_EQUAL(counts(board).forged, 1);
    CHECK(host.configure(board, 0, 0));
    CHECK(host.refused(Code::ok));
}

TEST(each_vector_gets_its_verdict) {
    using vectors::State;
    static uint8_t wire[1100], last[kHashSize];
    for (const auto& row : vectors::board_verdicts) {
        const auto one = from_flash(row);
        tally().vector = one.name;
        machine::reset();
        next_epoch_is(vectors::epoch);
        if (one.state == State::damaged) state.storage[42] = 0;
        Board* board = &boot();
        if (one.state == State::session || one.state == State::closed) {
            enrol(*board);
            for (uint32_t session = 0; session < vectors::session; ++session) CHECK(open(*board));
        }
        if (one.state == State::session) {
            CHECK(open(*board));
            CHECK_EQUAL(read_u32(body() + 8), vectors::epoch);
            HmacKey key;
            hmac_key(key, last, uint8_t(load(vectors::session_key, last)));
            CHECK_BYTES(&host.key, &key, sizeof key);
            if (one.last > 1) {
                host.counter = one.last - 1;
                CHECK(host.say(*board, Type::describe, "", 1));
            }
        }
        if (one.state == State::closed) {
            sample(*board, 1);
            machine::run(*board);
            state.now += kSilenceMs;
            CHECK(machine::run(*board));
            CHECK(out_type() == Type::hello);
            load(vectors::nonce, last);
            CHECK_BYTES(body() + 14, last, kNonceSize);
        }
        const uint16_t size = load(one.wire, wire);
        CHECK_EQUAL(machine::run(*board, wire, size), one.answers);
        if (one.code >= 0 && one.state == State::session) CHECK(host.refused(Code(one.code)));
        if (one.code >= 0 && one.state != State::session) CHECK(plain_refused(Code(one.code)));
        // What it counted it tells in a session only.
        if (one.state == State::damaged) continue;
        if (one.state == State::blank) enrol(*board);
        if (one.state != State::session) CHECK(open(*board));
        const Counts have = counts(*board);
        CHECK_EQUAL(have.noise, one.verdict == vectors::Verdict::noise);
        CHECK_EQUAL(have.forged, one.verdict == vectors::Verdict::forged);
        CHECK_EQUAL(have.replayed, one.verdict == vectors::Verdict::replayed);
    }
}

TEST(readings_are_chained_and_kept_until_they_are_acknowledged) {
    Board& board = ready();
    follower.start(1);
    for (uint8_t round = 0; round < 5; ++round) {
        sample(board, kMaxReadings);
        CHECK(machine::run(board));
        CHECK(follower.take());
        CHECK(!host.say_u32(board, Type::ack, follower.next));
    }
    sample(board, 3);
    CHECK(!machine::run(board));
    state.now += 100;
    CHECK(machine::run(board));
    CHECK(follower.take());
    CHECK_EQUAL(follower.next, 5 * kMaxReadings + 3);
    state.now += 1000;
    CHECK(machine::run(board));  // again, unacknowledged
    CHECK_EQUAL(read_u32(body()), 5 * kMaxReadings);
    CHECK(host.say_u32(board, Type::ack, 999));
    CHECK(host.refused(Code::bad_ack));
    CHECK(!host.say_u32(board, Type::ack, follower.next));
    state.now += 899;
    CHECK(!machine::run(board));
}

TEST(a_repeated_frame_has_its_boundaries_and_a_new_counter) {
    Board& board = ready();
    sample(board, kMaxReadings);
    CHECK(machine::run(board));
    static uint8_t first[256];
    memcpy(first, state.out, sizeof first);
    state.now += 1000;
    CHECK(machine::run(board));
    CHECK_EQUAL(read_u32(state.out + 2), read_u32(first + 2) + 1);
    CHECK_BYTES(body(), first + kHeadSize, kMaxBoardRaw - kHeadSize - kMacSize - 2);
    CHECK(host.heard(Type::readings));
}

TEST(a_board_that_nears_the_end_of_seq_lets_the_watchdog_reset_it) {
    Board& board = ready();
    follower.start(1);
    while (follower.next < kEpochReadings) {
        state.fed = 0;
        sample(board, kMaxReadings);
        CHECK(machine::run(board));
        CHECK(state.fed != 0 || follower.next + kMaxReadings >= kEpochReadings);
        CHECK(follower.take());
        host.say_u32(board, Type::ack, follower.next);
    }
    state.fed = 0;
    machine::run(board);
    CHECK_EQUAL(state.fed, 0);
}

TEST(what_the_ring_could_not_take_is_told_in_the_chain) {
    Board& board = ready();
    follower.start(1);
    constexpr uint16_t kFits = (kRingBytes - 1) / 4;
    for (uint16_t i = 0; i < kFits + 300; ++i) sample(board, 1);
    for (uint16_t i = 0; i < 2000 && follower.lost == 0; ++i) {
        for (bool sent = host.say_u32(board, Type::ack, follower.next); sent; sent = machine::run(board)) {
            if (out_type() == Type::readings && read_u32(body()) == follower.next) CHECK(follower.take());
        }
        state.now += 100;
    }
    CHECK_EQUAL(follower.lost, 300);
    CHECK_EQUAL(follower.next, kFits + 1);
    state.now += kStatusMs;
    CHECK(machine::run(board));
    CHECK(host.heard(Type::status));
    CHECK_EQUAL(read_u32(body() + 12), 300);
}

TEST(a_silent_host_ends_the_session_only_while_readings_wait) {
    Board& board = ready();
    for (uint8_t i = 0; i < 20; ++i) {
        state.now += 1000;
        machine::run(board);
    }
    CHECK(host.heard(Type::status));
    sample(board, 1);
    const uint32_t since = state.now;
    while (state.now - since < kSilenceMs - 1) {
        ++state.now;
        machine::run(board);
    }
    CHECK(host.heard(Type::readings) || host.heard(Type::status));
    ++state.now;
    CHECK(machine::run(board));
    CHECK(out_type() == Type::hello);
    CHECK(open(board, 1, 0));
    CHECK_EQUAL(read_u32(body() + 47), 0);
    CHECK_EQUAL(read_u32(body() + 51), 1);
}

TEST(a_session_resumes_where_the_host_stands) {
    Board& board = ready();
    follower.start(1);
    sample(board, kMaxReadings);
    CHECK(machine::run(board));
    CHECK(follower.take());
    sample(board, 4);
    CHECK(open(board, 1, kMaxReadings));
    CHECK_EQUAL(read_u32(body() + 47), kMaxReadings);
    CHECK_BYTES(body() + 55, follower.link, kHashSize);
    state.now += 100;
    CHECK(machine::run(board));
    CHECK(follower.take());
    // Of another boot, or of readings that are not there yet: nothing is freed.
    CHECK(open(board, 2, kMaxReadings + 4));
    CHECK_EQUAL(read_u32(body() + 47), kMaxReadings);
    CHECK(open(board, 1, 1000));
    CHECK_EQUAL(read_u32(body() + 47), kMaxReadings);
    CHECK(open(board, 1, 3));
    CHECK_EQUAL(read_u32(body() + 47), kMaxReadings);
}

TEST(rates_are_set_described_and_remembered) {
    Board& board = ready();
    for (uint8_t i = 0; i < kChannels; ++i) CHECK_EQUAL(state.rates[i], 0u);
    host.configure(board, 0, 100000);
    CHECK(host.refused(Code::ok));
    CHECK_EQUAL(read_u32(body()), host.counter);
    CHECK_EQUAL(state.rates[0], 100000);
    host.configure(board, kChannels - 1, 0);
    CHECK(host.refused(Code::ok));
    state.writes = 0;
    host.configure(board, 0, 100000);  // as it is: not written again
    CHECK(host.refused(Code::ok));
    CHECK_EQUAL(state.writes, 0);
    const uint8_t supply = kAnalogInputs;
    CHECK(host.say(board, Type::describe, &supply, 1));
    CHECK(host.heard(Type::channel));
    CHECK_EQUAL(body()[0], supply);
    CHECK_EQUAL(read_u32(body() + 5), 1);
    CHECK_EQUAL(read_u32(body() + 9), 1000);
    CHECK_EQUAL(read_u32(body() + 13), 0);
    CHECK_EQUAL(body()[17], 6);
    CHECK_BYTES(body() + 18, "supplyV", 7);
    CHECK_EQUAL(state.out_size, kHeadSize + 25 + kMacSize + 2);
    Board& again = boot();
    CHECK_EQUAL(state.rates[0], 100000);
    CHECK_EQUAL(state.rates[kChannels - 1], 0);
    plain(again, Type::identify);
    CHECK_EQUAL(body()[1], kStateEnrolled | kStateConfigured);
}

TEST(rates_that_the_store_does_not_take_change_nothing) {
    Board& board = ready();
    state.worn_from = 144;
    state.worn_to = 255;
    host.configure(board, 0, 50000);
    CHECK(host.refused(Code::storage_failed));
    CHECK_EQUAL(state.rates[0], 0u);
}

TEST(a_board_cut_in_mid_frame_is_understood_again_after_one_delimiter) {
    Board& board = ready();
    static const uint8_t part[] PROGMEM = {0x04, 0x46, 0x01, 0x10, 0x01, 0x01, 0x02, 0x1f, 0x00};
    uint8_t bytes[sizeof part];
    memcpy_P(bytes, part, sizeof part);
    CHECK(!machine::run(board, bytes, sizeof bytes));
    CHECK(plain(board, Type::identify));
    CHECK(out_type() == Type::hello);
    CHECK_EQUAL(counts(board).noise, 1);
}

TEST(scales_are_those_of_the_data_sheet) {
    CHECK_EQUAL(supply_millivolts(225), 5006);
    CHECK(supply_millivolts(0) > 0);
    CHECK_EQUAL(chip_centidegrees(355), 2515);
    CHECK(chip_centidegrees(0) < -20000 && chip_centidegrees(1023) > 50000);
    CHECK_EQUAL(channel(0).num, 5);
    CHECK_EQUAL(channel(0).den, 1024);
}

QCOT_TEST_MAIN("board")
