#include "crypto/hmac.h"
#include "support/harness.h"
#include "vectors.h"

using namespace qcot;
using namespace qcot_test;

TEST(sha256_gives_the_digests_of_fips_180_4_and_of_hashlib) {
    for (const auto& row : vectors::sha256) {
        const auto one = from_flash(row);
        uint8_t data[256], want[kHashSize], have[kHashSize];
        load(one.sha256, want);
        sha256(data, load(one.data, data), have);
        CHECK_BYTES(have, want, kHashSize);
    }
}

TEST(sha256_goes_on_from_any_block) {
    uint8_t data[256], whole[kHashSize];
    for (uint16_t i = 0; i < 256; ++i) data[i] = uint8_t(i * 7);
    sha256(data, 256, whole);
    for (uint8_t blocks = 0; blocks <= 4; ++blocks) {
        Sha256State state;
        sha256_init(state);
        for (uint8_t i = 0; i < blocks; ++i) {
            Sha256Block block;
            memcpy(block, data + i * kBlockSize, kBlockSize);
            sha256_compress(state, block);
        }
        const uint16_t done = uint16_t(blocks * kBlockSize);
        sha256_finish(state, data + done, uint16_t(256 - done), done);
        CHECK_BYTES(state, whole, kHashSize);
    }
}

TEST(hmac_gives_the_macs_of_rfc_4231_and_of_hashlib) {
    for (const auto& row : vectors::hmac) {
        const auto one = from_flash(row);
        uint8_t secret[64], data[256], want[kHashSize], have[kHashSize];
        HmacKey key;
        hmac_key(key, secret, uint8_t(load(one.key, secret)));
        load(one.mac, want);
        const uint16_t size = load(one.data, data);
        hmac(key, data, size, have);
        CHECK_BYTES(have, want, kHashSize);
        hmac(key, data, size, data);
        CHECK_BYTES(data, want, kHashSize);
    }
}

TEST(equal_bytes_sees_each_bit) {
    uint8_t a[16] = {}, b[16] = {};
    CHECK(equal_bytes(a, b, 16));
    for (uint8_t bit = 0; bit < 128; ++bit) {
        b[bit / 8] = uint8_t(1 << bit % 8);
        CHECK(!equal_bytes(a, b, 16));
        b[bit / 8] = 0;
    }
}

TEST(wipe_leaves_nothing) {
    uint8_t secret[8] = {1, 2, 3, 4, 5, 6, 7, 8}, zero[8] = {};
    wipe(secret, sizeof secret);
    CHECK_BYTES(secret, zero, 8);
}

QCOT_TEST_MAIN("crypto")
