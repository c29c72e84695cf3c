#include "chain/chain.h"
#include "chain/outbox.h"
#include "chain/ring.h"
#include "chain/staged_ring.h"
#include "support/harness.h"
#include "vectors.h"

using namespace qcot;
using namespace qcot_test;

TEST(links_are_those_of_the_vectors) {
    for (const auto& row : vectors::chain) {
        const auto one = from_flash(row);
        uint8_t device[8], want[kHashSize];
        Link link;
        load(one.device, device);
        load(one.start, want);
        chain_start(device, one.epoch, link);
        CHECK_BYTES(link, want, kHashSize);
        for (uint8_t i = 0; i < one.count; ++i) {
            const auto reading = from_flash(one.readings[i]);
            chain_step(link, i, {reading.time, reading.channel, reading.value});
            load(reading.link, want);
            CHECK_BYTES(link, want, kHashSize);
        }
    }
}

namespace {

using SmallRing = Ring<RamStorage<100>>;
using SmallStaged = StagedRing<RamStorage<100, uint32_t>, PartStorage>;

// The part behind hal's three functions, in memory.
struct Part {
    static constexpr uint16_t kSize = 301;
    uint8_t bytes[kSize];
    bool there;
    bool sticks;  // it answers, but takes nothing
};
Part part;

// The next reading of a stream that holds every kind: fast and slow, small and wide values.
struct Stream {
    Random random;
    uint32_t time;
    Reading next() {
        time += random.below(8) ? random.below(256) : random.below(100000);
        const int32_t value = random.below(4) ? int32_t(random.below(1024)) : int32_t(random());
        return {time, uint8_t(random.below(17)), value};
    }
};

bool same(const Reading& a, const Reading& b) {
    return a.time == b.time && a.channel == b.channel && a.value == b.value;
}

}  // namespace

namespace qcot {
namespace hal {

#ifdef __AVR__
void sampler_out() {}
void sampler_in() {}
#endif

uint32_t part_begin() { return part.there ? Part::kSize : 0; }
void part_read(uint32_t at, void* to, uint8_t size) {
    if (at + size > Part::kSize) abort();
    memcpy(to, part.bytes + at, size);
}
bool part_write(uint32_t at, const void* from, uint8_t size) {
    if (at + size > Part::kSize) abort();
    if (!part.sticks) memcpy(part.bytes + at, from, size);
    return memcmp(part.bytes + at, from, size) == 0;
}

}  // namespace hal
}  // namespace qcot

namespace {

#ifdef __AVR__
constexpr uint16_t kRounds = 120;
constexpr uint8_t kSeeds = 2;
#else
constexpr uint16_t kRounds = 600;
constexpr uint8_t kSeeds = 40;
#endif

template <typename RingType>
RingType& fresh_ring() {
    static uint8_t memory[sizeof(RingType)] __attribute__((aligned(8)));
    return *new (memory) RingType();
}

// Pushes, reads and releases at random, and compares with the stream itself: what comes out is what went in, in order,
// and each gap is told by a LOST with its first time and its count.
template <typename RingType>
void compare_with_model(RingType& ring, uint32_t seed, uint8_t pushes, uint8_t reads) {
    Stream pushed = {{seed}, 0xFFFF0000}, expected = pushed;  // time wraps on the way
    typename RingType::Cursor cursor, ahead;
    uint32_t count = 0, taken = 0, lost = 0;
    Random random = {seed + 3};
    ring.begin();
    for (uint16_t round = 0; round < kRounds; ++round) {
        const bool last = round + 1 == kRounds;
        for (uint32_t n = last ? 0 : random.below(pushes); n; --n, ++count) {
            ring.push(pushed.next());
            if (random.below(4) == 0) ring.carry();
        }
        for (uint32_t n = last ? 10000 : random.below(reads); n; --n) {
            while (random.below(3) && ring.carry()) {
            }
            if (cursor.seq == ring.head()) {
                if (!last) break;
                ring.release(cursor);
                while (ring.carry()) {
                }
                if (cursor.seq == ring.head()) break;
            }
            Reading have;
            ahead = cursor;
            ring.skip(ahead);
            ring.read(cursor, have);
            CHECK(ahead.at == cursor.at && ahead.time == cursor.time && ahead.seq == cursor.seq);
            Reading want = expected.next();
            if (have.channel == kLost) {
                CHECK_EQUAL(have.time, want.time);
                CHECK(have.value > 0);
                for (int32_t skipped = 1; skipped < have.value; ++skipped) expected.next();
                lost += uint32_t(have.value);
            } else {
                CHECK(same(have, want));
                ++taken;
            }
        }
        if (random.below(2)) ring.release(cursor);
    }
    // Every reading was either given back or told as lost.
    CHECK_EQUAL(taken + lost, count);
    CHECK_EQUAL(lost, ring.lost());
    CHECK(lost > 20 && taken > 200);
}

}  // namespace

TEST(a_ring_gives_back_what_it_took_or_says_how_much_it_did_not) {
    for (uint32_t seed = 1; seed <= kSeeds; ++seed) compare_with_model(fresh_ring<SmallRing>(), seed, 30, 40);
}

TEST(so_does_a_ring_with_a_part_behind_it_and_one_whose_part_is_missing) {
    for (uint32_t seed = 1; seed <= kSeeds; ++seed) {
        part = Part();
        part.there = seed % 2;
        SmallStaged& ring = fresh_ring<SmallStaged>();
        compare_with_model(ring, seed, 40, 42);
        CHECK_EQUAL(ring.store_missing(), !part.there);
        CHECK(!ring.store_broken());
    }
}

TEST(a_part_holds_more_than_the_stage_before_it) {
    part = Part();
    part.there = true;
    SmallStaged& ring = fresh_ring<SmallStaged>();
    ring.begin();
    for (uint8_t i = 0; i < 72; ++i) {
        ring.push({i, 0, i});
        ring.carry();
    }
    CHECK_EQUAL(ring.lost(), 0);
    CHECK_EQUAL(ring.head(), 72);  // 4 bytes each, and the longest record is to find room
    SmallStaged::Cursor cursor;
    for (uint8_t i = 0; i < 72; ++i) {
        Reading have;
        ring.read(cursor, have);
        CHECK(same(have, {i, 0, i}));
    }
}

TEST(a_part_that_stops_to_keep_what_it_is_given_is_noticed_at_the_next_reading) {
    part = Part();
    part.there = true;
    SmallStaged& ring = fresh_ring<SmallStaged>();
    ring.begin();
    ring.push({1, 0, 5});
    CHECK(ring.carry());
    CHECK(!ring.store_broken());
    part.sticks = true;
    ring.push({2, 0, 6});
    ring.carry();
    CHECK(ring.store_broken());
    ring.push({3, 0, 7});
    CHECK(!ring.carry());
    CHECK_EQUAL(ring.head(), 1);
}

TEST(a_loss_is_told_as_soon_as_there_is_room) {
    static SmallRing ring;
    new (&ring) SmallRing();
    for (uint16_t i = 0; i < 40; ++i) ring.push({i, 0, 5});
    CHECK_EQUAL(ring.head(), 24);
    CHECK_EQUAL(ring.lost(), 16);
    CHECK(ring.overflowing());
    SmallRing::Cursor cursor;
    Reading reading;
    for (uint8_t i = 0; i < 3; ++i) ring.read(cursor, reading);
    ring.release(cursor);
    CHECK(!ring.overflowing());
    CHECK_EQUAL(ring.head(), 25);
    while (cursor.seq != ring.head()) ring.read(cursor, reading);
    CHECK_EQUAL(reading.channel, kLost);
    CHECK_EQUAL(reading.time, 24);
    CHECK_EQUAL(reading.value, 16);
}

namespace {

using TestOutbox = Outbox<SmallRing, 3>;

struct Sent {
    uint32_t first;
    uint8_t count;
    uint32_t time;
    void begin(uint32_t seq, uint8_t n) {
        first = seq;
        count = n;
    }
    void reading(const Reading& r) { time = r.time; }
};

const uint8_t kDevice[8] = {1, 2, 3, 4, 5, 6, 7, 8};

struct Fixture {
    SmallRing ring;
    TestOutbox outbox{ring};
    uint32_t now = 0;
    Fixture() { outbox.start(kDevice, 1); }
    void sample(uint8_t count) {
        while (count--) ring.push({now, 0, int32_t(now & 1023)});
        while (outbox.chain_one()) {
        }
    }
    // The frame that is due, or count 0.
    Sent take(uint8_t* link = nullptr) {
        Sent sent = {};
        const uint8_t index = outbox.next(now);
        if (index != TestOutbox::kNone) {
            const uint8_t* const at = outbox.send(index, now, sent);
            if (link) memcpy(link, at, kHashSize);
        }
        while (outbox.chain_one()) {
        }
        return sent;
    }
};

Fixture& fresh() {
    static uint8_t memory[sizeof(Fixture)] __attribute__((aligned(8)));
    return *new (memory) Fixture();
}

}  // namespace

TEST(a_frame_goes_when_fourteen_wait_or_the_oldest_is_100_ms_old) {
    Fixture& f = fresh();
    f.sample(13);
    CHECK_EQUAL(f.take().count, 0);
    f.now = 99;
    CHECK_EQUAL(f.take().count, 0);
    CHECK_EQUAL(f.outbox.patience(f.now), 1);
    f.now = 100;
    CHECK_EQUAL(f.take().count, 13);
    f.sample(1);
    CHECK_EQUAL(f.take().count, 0);
    f.sample(9);
    CHECK_EQUAL(f.take().count, 0);
    CHECK(f.outbox.acknowledge(13));
    f.sample(4);
    CHECK_EQUAL(f.take().count, 14);
}

TEST(a_backlog_goes_out_in_full_frames_and_only_so_many_are_in_flight) {
    Fixture& f = fresh();
    f.ring.push({0, 0, 1});
    f.now = 5000;
    for (uint8_t i = 0; i < 20; ++i) f.ring.push({f.now, 0, 1});
    f.outbox.chain_one();
    CHECK_EQUAL(f.take().count, 0);  // one is chained, more are waiting
    CHECK_EQUAL(f.take().count, 14);
    CHECK_EQUAL(f.take().count, 0);
    f.now += 100;
    const Sent rest = f.take();
    CHECK_EQUAL(rest.first, 14);
    CHECK_EQUAL(rest.count, f.ring.head() - 14);
    CHECK(f.outbox.acknowledge(14));
    for (uint8_t i = 0; i < 3; ++i) {
        f.now += 100;
        f.sample(1);
        f.now += 100;
        const Sent one = f.take();
        CHECK_EQUAL(one.count, i < 2 ? 1 : 0);
    }
}

TEST(frames_are_repeated_with_the_same_boundaries_and_links_and_so_is_all_after) {
    Fixture& f = fresh();
    Link links[2], again;
    f.sample(14);
    CHECK_EQUAL(f.take(links[0]).first, 0);
    f.now = 400;
    f.sample(5);
    f.now = 500;
    CHECK_EQUAL(f.take(links[1]).count, 5);
    f.now = 999;
    CHECK_EQUAL(f.take().count, 0);
    CHECK_EQUAL(f.outbox.patience(f.now), 1);
    f.now = 1000;
    Sent sent = f.take(again);
    CHECK_EQUAL(sent.first, 0);
    CHECK_EQUAL(sent.count, 14);
    CHECK_BYTES(again, links[0], kHashSize);
    sent = f.take(again);
    CHECK_EQUAL(sent.first, 14);
    CHECK_EQUAL(sent.count, 5);
    CHECK_BYTES(again, links[1], kHashSize);
    CHECK_EQUAL(f.take().count, 0);
}

TEST(an_ack_must_be_the_end_of_a_frame_in_flight_or_the_last_one) {
    Fixture& f = fresh();
    CHECK(f.outbox.acknowledge(0));
    CHECK(!f.outbox.acknowledge(1));
    f.sample(20);
    f.take();
    f.now = 100;
    f.take();
    for (uint32_t seq = 0; seq < 40; ++seq) {
        if (seq != 0 && seq != 14 && seq != 20) CHECK(!f.outbox.acknowledge(seq));
    }
    CHECK(!f.outbox.acknowledge(0xFFFFFFFF));
    CHECK(f.outbox.acknowledge(0));
    CHECK_EQUAL(f.outbox.base(), 0);
    f.now = 1000;
    f.take();  // repeats the first: an ACK of both that crossed it still counts
    CHECK(f.outbox.acknowledge(20));
    CHECK_EQUAL(f.outbox.base(), 20);
    CHECK(!f.outbox.acknowledge(14));
    CHECK(f.outbox.acknowledge(20));
    CHECK(!f.outbox.waiting());
    CHECK_EQUAL(f.take().count, 0);
}

TEST(a_session_resumes_at_any_seq_with_the_link_before_it) {
    for (uint32_t at = 0; at <= 24; ++at) {
        Fixture& f = fresh();
        f.sample(20);
        f.take();
        f.now = 100;
        f.take();
        f.sample(4);
        CHECK_EQUAL(f.ring.head(), 24);
        f.outbox.resume(at);
        CHECK_EQUAL(f.outbox.base(), at);
        Link want;
        chain_start(kDevice, 1, want);
        for (uint32_t seq = 0; seq < at; ++seq) {
            const uint32_t time = seq < 20 ? 0 : 100;
            chain_step(want, seq, {time, 0, int32_t(time)});
        }
        CHECK_BYTES(f.outbox.base_link(), want, kHashSize);
        f.now = 300;
        while (f.outbox.chain_one()) {
        }
        if (at < 24) CHECK_EQUAL(f.take().first, at);
    }
}

#ifndef __AVR__  // a ring with room for it does not fit beside the others
// A host that says it has more than was ever on its way would have the board hash for as long as its watchdog waits.
TEST(a_session_resumes_no_further_than_what_may_have_been_in_flight) {
    constexpr uint8_t most = 3 * kFrameReadings;
    static Ring<RamStorage<400>> ring;
    static Outbox<Ring<RamStorage<400>>, 3> outbox(ring);
    outbox.start(kDevice, 1);
    for (uint8_t i = 0; i < most + 10; ++i) ring.push({0, 0, i});
    CHECK(outbox.can_resume(0) && outbox.can_resume(most));
    CHECK(!outbox.can_resume(most + 1) && !outbox.can_resume(most + 11) && !outbox.can_resume(0xFFFFFFFF));
}
#endif

QCOT_TEST_MAIN("chain")
