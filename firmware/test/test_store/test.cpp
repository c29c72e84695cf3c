// What is in the EEPROM, when power fails at any byte of any write.
#include "board/store.h"
#include "support/cuts.h"
#include "support/harness.h"
#include "support/memory_hal.h"

using namespace qcot;
using namespace qcot_test;
using machine::cut_everywhere;
using machine::state;

void qcot::hal::entropy(uint8_t* to, uint8_t size) { memset(to, 0, size); }

namespace {

uint8_t device[kDeviceSize], secret[kSecretSize];

void fill(uint8_t with) {
    memset(device, with, sizeof device);
    memset(secret, with ^ 0x5A, sizeof secret);
}

bool same(const store::Setting& one, const store::Setting& other) {
    return one.rate == other.rate && one.num == other.num && one.den == other.den && one.offset == other.offset;
}

// One for each channel and round, with every byte in use.
store::Setting some(uint8_t channel, uint16_t round) {
    return {round * 100u + channel, int16_t(-1 - channel), int16_t(32767 - round), int32_t(-70000) * (round + 1)};
}

void check_all(uint16_t round) {
    const uint16_t at = store::settings();
    CHECK(at != 0);
    for (uint8_t i = 0; i < kChannels; ++i) CHECK(same(store::setting(at, i), some(i, round)));
}

}  // namespace

TEST(a_blank_store_has_no_identity_and_samples_nothing) {
    machine::reset();
    CHECK(store::identity_read(device, secret) == store::Identity::none);
    CHECK_EQUAL(store::settings(), 0);
    for (uint8_t i = 0; i < kChannels; ++i) CHECK(same(store::setting(0, i), {0, 0, 0, 0}));
}

TEST(an_identity_is_whole_or_not_there_or_seen_to_be_damaged) {
    machine::reset();
    fill(0x11);
    const uint16_t cuts = cut_everywhere([] { store::identity_write(device, secret); },
                                         [](bool whole) {
                                             uint8_t d[kDeviceSize], s[kSecretSize];
                                             const auto found = store::identity_read(d, s);
                                             if (whole) CHECK(found == store::Identity::good);
                                             if (found != store::Identity::good) return;
                                             CHECK_BYTES(d, device, sizeof d);
                                             CHECK_BYTES(s, secret, sizeof s);
                                         });
    CHECK(cuts > 4 * 40);
}

TEST(an_erased_identity_is_gone_or_seen_to_be_damaged) {
    machine::reset();
    fill(0x22);
    CHECK(store::identity_write(device, secret));
    cut_everywhere([] { store::erase(); },
                   [](bool whole) {
                       uint8_t d[kDeviceSize], s[kSecretSize];
                       const auto found = store::identity_read(d, s);
                       if (whole) CHECK(found == store::Identity::none);
                       if (found != store::Identity::good) return;
                       CHECK_BYTES(d, device, sizeof d);
                       CHECK_BYTES(s, secret, sizeof s);
                   });
    store::erase();
    for (uint16_t at = 0; at < 48; ++at) CHECK_EQUAL(state.storage[at], 0xFF);
}

TEST(any_byte_of_an_identity_that_changes_is_seen) {
    machine::reset();
    fill(0x33);
    store::identity_write(device, secret);
    for (uint8_t at = 0; at < kDeviceSize + kSecretSize + 2; ++at) {
        state.storage[at] ^= 0x10;
        CHECK(store::identity_read(device, secret) == store::Identity::damaged);
        state.storage[at] ^= 0x10;
    }
    CHECK(store::identity_read(device, secret) == store::Identity::good);
}

TEST(an_identity_that_does_not_read_back_is_refused_and_leaves_none) {
    for (uint8_t at = 0; at <= kDeviceSize + kSecretSize + 2; ++at) {
        machine::reset();
        state.worn_from = at;
        state.worn_to = uint8_t(at + 1);
        fill(0x44);
        CHECK(!store::identity_write(device, secret));
        CHECK(store::identity_read(device, secret) == store::Identity::none);
    }
}

TEST(an_epoch_never_comes_twice_wherever_the_power_fails) {
    machine::reset();
    static uint32_t last;
    for (last = 0; last < 40;) {
        cut_everywhere([] { store::epoch_next(); }, [](bool) { CHECK(store::epoch_next() > last); });
        const uint32_t next = store::epoch_next();
        CHECK_EQUAL(next, last + 1);
        last = next;
    }
}

TEST(an_epoch_never_comes_twice_whichever_bit_of_the_store_flips) {
    constexpr uint8_t kAt = 48, kSize = 16 * 6;
    machine::reset();
    for (uint32_t last = 1; last < 20; ++last) {
        CHECK_EQUAL(store::epoch_next(), last);
        uint8_t before[kSize];
        memcpy(before, state.storage + kAt, kSize);
        for (uint16_t bit = 0; bit < kSize * 8; ++bit) {
            state.storage[kAt + bit / 8] = uint8_t(state.storage[kAt + bit / 8] ^ 1 << bit % 8);
            state.writes_left = UINT16_MAX;
            CHECK(store::epoch_next() > last);
            memcpy(state.storage + kAt, before, kSize);
        }
    }
}

TEST(epochs_wear_all_slots_alike_and_pass_over_a_worn_one) {
    machine::reset();
    state.worn_from = 48 + 3 * 6 + 4;  // the CRC of the fourth slot
    state.worn_to = 48 + 4 * 6;
    for (uint32_t boot = 1, last = 0; boot <= 48; ++boot) {
        const uint32_t next = store::epoch_next();
        CHECK(next > last && next <= last + 2);
        last = next;
    }
    state.worn_from = 48;
    state.worn_to = 48 + 16 * 6;
    CHECK_EQUAL(store::epoch_next(), 0);
}

TEST(settings_of_all_channels_are_kept_through_more_writes_than_a_turn_counts) {
    machine::reset();
    for (uint16_t round = 0; round < 256 / kChannels + 4; ++round) {
        for (uint8_t i = 0; i < kChannels; ++i) CHECK(store::setting_write(i, some(i, round)));
        check_all(round);
    }
}

TEST(settings_are_the_old_ones_or_the_new_ones_wherever_the_power_fails) {
    machine::reset();
    for (uint8_t i = 0; i < kChannels; ++i) CHECK(store::setting_write(i, some(i, 1)));
    const uint16_t cuts = cut_everywhere([] { store::setting_write(kChannels - 1, some(0, 2)); },
                                         [](bool whole) {
                                             const uint16_t at = store::settings();
                                             CHECK(at != 0);
                                             for (uint8_t i = 0; i + 1 < kChannels; ++i) {
                                                 CHECK(same(store::setting(at, i), some(i, 1)));
                                             }
                                             const store::Setting have = store::setting(at, kChannels - 1);
                                             CHECK(same(have, some(0, 2)) || same(have, some(kChannels - 1, 1)));
                                             if (whole) CHECK(same(have, some(0, 2)));
                                         });
    CHECK(cuts > 4 * 10);
}

TEST(the_first_settings_are_whole_or_not_there_wherever_the_power_fails) {
    machine::reset();
    cut_everywhere([] { store::setting_write(1, some(1, 3)); },
                   [](bool whole) {
                       const uint16_t at = store::settings();
                       if (whole) CHECK(at != 0);
                       if (at) CHECK(same(store::setting(at, 1), some(1, 3)));
                   });
}

TEST(any_byte_of_the_settings_that_changes_is_seen) {
    machine::reset();
    CHECK(store::setting_write(0, some(0, 4)));
    const uint16_t at = store::settings();
    for (uint16_t i = 0; i < 1 + 22 * 11 + 2; ++i) {
        state.storage[at + i] ^= 0x10;
        CHECK_EQUAL(store::settings(), 0);
        state.storage[at + i] ^= 0x10;
    }
    CHECK_EQUAL(store::settings(), at);
}

TEST(settings_that_do_not_read_back_leave_the_old_ones) {
    static const uint16_t cells[] = {0, 1, 4, 8, 243, 244};  // turn, rate, calibration, CRC
    for (uint16_t cell : cells) {
        machine::reset();
        CHECK(store::setting_write(0, some(0, 5)));
        const uint16_t held = store::settings();
        state.worn_from = uint16_t(144 + 248 + cell);
        state.worn_to = uint16_t(state.worn_from + 1);
        CHECK(!store::setting_write(0, some(0, 6)));
        CHECK_EQUAL(store::settings(), held);
        CHECK(same(store::setting(held, 0), some(0, 5)));
    }
}

TEST(settings_lie_between_the_epochs_and_the_signer_and_are_erased) {
    machine::reset();
    for (uint16_t round = 0; round < 2; ++round) {
        for (uint8_t i = 0; i < kChannels; ++i) CHECK(store::setting_write(i, some(i, round)));
    }
    store::erase();
    CHECK_EQUAL(store::settings(), 0);
    for (uint16_t at = 0; at < machine::kStorageSize; ++at) CHECK_EQUAL(state.storage[at], 0xFF);
}

QCOT_TEST_MAIN("store")
