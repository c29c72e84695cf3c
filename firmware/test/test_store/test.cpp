// What is in the EEPROM, when power fails at any byte of any write.
#include "board/store.h"
#include "support/harness.h"
#include "support/memory_hal.h"

using namespace qcot;
using namespace qcot_test;
using machine::state;

void qcot::hal::entropy(uint8_t* to, uint8_t size) { memset(to, 0, size); }

namespace {

uint8_t device[kDeviceSize], secret[kSecretSize];

void fill(uint8_t with) {
    memset(device, with, sizeof device);
    memset(secret, with ^ 0x5A, sizeof secret);
}

// Runs `write` with the power failing after each number of bytes, the byte under way left as each of these, then
// `verify` on what is there at the next boot.
template <typename Write, typename Verify>
uint16_t cut_everywhere(Write write, Verify verify) {
    static const int16_t torn[] = {-1, 0xFF, 0x00, 0x2B};
    static uint8_t before[machine::kStorageSize];
    memcpy(before, state.storage, sizeof before);
    uint16_t cuts = 0;
    for (int16_t byte : torn) {
        for (uint16_t cut = 0;; ++cut) {
            memcpy(state.storage, before, sizeof before);
            state.writes_left = cut;
            state.torn = byte;
            state.writes = 0;
            write();
            const bool whole = state.writes < cut;
            state.writes_left = UINT16_MAX;
            state.torn = -1;
            verify(whole);
            ++cuts;
            if (whole) break;
        }
    }
    memcpy(state.storage, before, sizeof before);
    return cuts;
}

}  // namespace

TEST(a_blank_store_has_no_identity_and_samples_nothing) {
    machine::reset();
    CHECK(store::identity_read(device, secret) == store::Identity::none);
    store::Rates rates;
    CHECK(!store::rates_load(rates));
    for (uint8_t i = 0; i < kChannels; ++i) CHECK_EQUAL(rates[i], 0u);
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

TEST(epochs_wear_all_slots_alike_and_pass_over_a_worn_one) {
    machine::reset();
    state.worn_from = 48 + 3 * 6 + 4;  // the CRC of the fourth slot
    state.worn_to = 48 + 4 * 6;
    for (uint32_t boot = 1; boot <= 48; ++boot) CHECK_EQUAL(store::epoch_next(), boot);
    state.worn_from = 48;
    state.worn_to = 48 + 16 * 6;
    CHECK_EQUAL(store::epoch_next(), 0);
}

TEST(rates_are_the_old_ones_or_the_new_ones_wherever_the_power_fails) {
    machine::reset();
    static store::Rates rates;
    for (uint16_t turn = 0; turn < 300; ++turn) {
        for (uint32_t& rate : rates) rate = turn * 100;
        CHECK(store::rates_write(rates));
        store::Rates have;
        CHECK(store::rates_load(have));
        CHECK_BYTES(have, rates, sizeof have);
    }
    static store::Rates changed;
    memcpy(changed, rates, sizeof changed);
    changed[0] = 77777;
    changed[kChannels - 1] = 0;
    cut_everywhere([] { store::rates_write(changed); },
                   [](bool whole) {
                       store::Rates have;
                       CHECK(store::rates_load(have));
                       const bool is_new = memcmp(have, changed, sizeof have) == 0;
                       CHECK(is_new || memcmp(have, rates, sizeof have) == 0);
                       if (whole) CHECK(is_new);
                   });
}

TEST(rates_that_do_not_read_back_leave_the_old_ones) {
    machine::reset();
    store::Rates rates = {}, have;
    CHECK(store::rates_write(rates));
    rates[0] = 5000;
    state.worn_from = 144 + 80;
    state.worn_to = 255;
    CHECK(!store::rates_write(rates));
    CHECK(store::rates_load(have));
    CHECK_EQUAL(have[0], 0);
}

QCOT_TEST_MAIN("store")
