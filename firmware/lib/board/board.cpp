// The life of a board: boot, the loop, the image hash, what it says unasked. Commands are in commands.cpp.
#include "board.h"

#include "link/keys.h"
#include "hal/progmem.h"
#include "version.h"

namespace qcot {
namespace {

// 16 steps of kLedStepMs, lowest bit first (docs/board.md).
constexpr uint16_t kLedDamaged = 0x5555;
constexpr uint16_t kLedNotEnrolled = 0x0001;
constexpr uint16_t kLedNoSession = 0x00FF;
constexpr uint16_t kLedRingFull = 0x0F0F;
constexpr uint16_t kLedRunning = 0xFFFE;

uint16_t until(uint32_t now, uint32_t since, uint16_t period) {
    return now - since >= period ? uint16_t(0) : uint16_t(period - (now - since));
}

}  // namespace

void Board::begin() {
    if (hal::erase_wanted()) {
        leaf_store::erase();  // first: what is cut short is repeated, and no other identity may find this key
        store::erase();
    }
    ring_.begin();
    const uint16_t settings = store::settings();
    configured_ = settings;
    for (uint8_t i = 0; i < kChannels; ++i) set_rate(i, store::setting(settings, i).rate);
    epoch_ = store::epoch_next();
    uint8_t device[kDeviceSize];
    identity_ = store::identity_read(device, nullptr);
    // Without an epoch of its own this boot could repeat a nonce: better no session at all.
    if (epoch_ == 0) identity_ = store::Identity::damaged;
    signer_.begin();
    restart_chain();
    renew_nonce();
    sha256_init(image_.state);
    spoke_at_ = hal::millis() - kHelloMs;
}

void Board::set_rate(uint8_t channel, uint32_t rate) {
    if (channel < kAdcChannels) {
        hal::sample_every(channel, rate);
    } else {
        sensors_.set_rate(channel, rate);
    }
}

void Board::restart_chain() {
    uint8_t device[kDeviceSize] = {};
    store::identity_read(device, nullptr);
    outbox_.start(device, epoch_);
}

uint16_t Board::poll() {
    const uint32_t now = hal::millis();
    if (ring_.head() < kEpochReadings && !ring_.store_broken()) hal::watchdog_feed();
    show(now);
    listen();
    while (ring_.carry()) {
    }
    if (sensors_.poll(now)) return 0;
    if (!image_ready_) {
        hash_image();
        return 0;
    }
    if (!outbox_.waiting()) heard_at_ = now;
    if (open_ && now - heard_at_ >= kSilenceMs) close();
    // After a command what is due goes out and what was sampled is chained before the next one is looked at: a host that
    // floods keeps no reading waiting. The signer has what time is left.
    const bool idle = hal::serial_idle();
    if (idle) {
        if (received_ && !(served_ && open_)) {
            if (send_signature(true)) return 0;
            receive();
            received_ = false;
            served_ = true;
            return 0;
        }
        if (transmit(now)) {
            served_ = false;
            return 0;
        }
    }
    if (identity_ == store::Identity::good && outbox_.chain_one()) return 0;
    if (idle && served_) {
        served_ = false;
        return 0;
    }
    if (signer_.step()) return 0;
    return sensors_.patience(now, patience(now));
}

void Board::show(uint32_t now) {
    const uint8_t step = uint8_t(uint16_t(now) / kLedStepMs);
    if (step == shown_) return;
    shown_ = step;
    const uint16_t pattern = identity_ == store::Identity::damaged ? kLedDamaged
                             : identity_ == store::Identity::none  ? kLedNotEnrolled
                             : ring_.overflowing()                 ? kLedRingFull
                             : open_                               ? kLedRunning
                                                                   : kLedNoSession;
    hal::led((pattern >> (step & 15)) & 1);
}

void Board::hash_image() {
    Sha256Block block;
    const uint32_t left = hal::image_size() - image_done_;
    if (left >= kBlockSize) {
        hal::image_read(image_done_, block, kBlockSize);
        sha256_compress(image_.state, block);
        image_done_ += kBlockSize;
        return;
    }
    hal::image_read(image_done_, block, uint8_t(left));
    sha256_finish(image_.state, block, uint16_t(left), image_done_);
    image_ready_ = true;
}

void Board::listen() {
    while (!received_) {
        const int16_t byte = hal::serial_read();
        if (byte < 0) return;
        const auto event = decoder_.push(uint8_t(byte));
        if (event == decltype(event)::noise && noise_ < UINT16_MAX) ++noise_;
        received_ = event == decltype(event)::frame;
    }
}

bool Board::transmit(uint32_t now) {
    if (!open_) {
        if (now - spoke_at_ < kHelloMs) return false;
        identify(nullptr);
        return true;
    }
    const bool status = now - spoke_at_ >= kStatusMs;
    const uint8_t index = status ? outbox_.kNone : outbox_.next(now);
    const bool readings = index != outbox_.kNone;
    if (send_signature(status || readings)) return true;
    if (status) send_status(now);
    if (readings) send_readings(index, now);
    return status || readings || answer_late();
}

uint16_t Board::patience(uint32_t now) const {
    if (!open_) return until(now, spoke_at_, kHelloMs);
    const uint16_t status = until(now, spoke_at_, kStatusMs);
    const uint16_t readings = outbox_.patience(now);
    return status < readings ? status : readings;
}

void Board::close() {
    open_ = false;
    filled_ = 0;
    signer_.forget();
    wipe(&key_, sizeof key_);
    spoke_at_ = hal::millis() - kHelloMs;
}

// False, and `out` undefined, if the board has no identity.
bool Board::device_key(HmacKey& out) const {
    uint8_t device[kDeviceSize], secret[kSecretSize];
    if (identity_ != store::Identity::good || store::identity_read(device, secret) != store::Identity::good) return false;
    hmac_key(out, secret, kSecretSize);
    wipe(secret, sizeof secret);
    return true;
}

void Board::renew_nonce() {
    memset(nonce_, 0, sizeof nonce_);
    HmacKey& key = frame_.scratch();
    if (!device_key(key)) return;
    uint8_t noise[kNoiseSize];
    hal::entropy(noise, sizeof noise);
    derive_nonce(key, epoch_, session_, noise, nonce_);
    wipe(&key, sizeof key);
}

Writer Board::begin_frame(Type type) { return frame_.begin(type, open_ ? ++said_ : 0); }

void Board::send(Writer out) { send(out, open_ ? &key_ : nullptr); }

void Board::send(Writer out, const HmacKey* key) { hal::serial_send(frame_.data(), frame_.seal(out, key)); }

// Zeros where there is none.
void Board::put_device(Writer& out) const {
    uint8_t device[kDeviceSize] = {};
    if (identity_ == store::Identity::good) store::identity_read(device, nullptr);
    out.bytes(device, kDeviceSize);
}

void Board::put_version(Writer& out) {
    out.u8(kMajor);
    out.u8(kMinor);
    out.u8(kPatch);
}

// HELLO; also said unasked.
void Board::identify(const uint8_t*) {
    Writer out = frame_.begin(Type::hello, 0);
    out.u8(kProtocol);
    out.u8(uint8_t((identity_ == store::Identity::good ? kStateEnrolled : 0) | (configured_ ? kStateConfigured : 0) |
                   (identity_ == store::Identity::damaged ? kStateDamaged : 0) |
                   (ring_.store_missing() ? kStateNoStore : 0)));
    put_device(out);
    out.u32(epoch_);
    out.bytes(nonce_, kNonceSize);
    put_version(out);
    out.bytes(image_.digest, kHashSize);
    out.u8(kChannels);
    static const char model[] PROGMEM = QCOT_MODEL;
    char name[sizeof model];
    memcpy_P(name, model, sizeof model);
    out.bytes(name, sizeof model - 1);
    send(out, nullptr);
    if (!open_) spoke_at_ = hal::millis();
}

struct Board::ReadingsBody {
    Writer& out;
    void begin(uint32_t seq, uint8_t count) {
        out.u32(seq);
        out.u8(count);
    }
    void reading(const Reading& r) {
        out.u32(r.time);
        out.u8(r.channel);
        out.u32(uint32_t(r.value));
    }
};

void Board::send_readings(uint8_t index, uint32_t now) {
    Writer out = begin_frame(Type::readings);
    ReadingsBody body = {out};
    out.bytes(outbox_.send(index, now, body), kHashSize);
    send(out);
}

void Board::send_status(uint32_t now) {
    Writer out = begin_frame(Type::status);
    out.u32(now);
    out.u32(ring_.head());
    out.u32(outbox_.base());
    out.u32(ring_.lost());
    out.u16(noise_);
    out.u16(forged_);
    out.u16(replayed_);
    out.u16(hal::free_ram());
    send(out);
    spoke_at_ = now;
}

}  // namespace qcot
