// What a host may ask of a board: each frame is judged in the order of docs/link-protocol.md, then handed to its command.
#include "board.h"
#include "link/keys.h"
#include "hal/progmem.h"

namespace qcot {

struct Board::Command {
    Type type;
    bool auth;
    uint8_t body;
    void (Board::*run)(const uint8_t* body);
};

namespace {

void count(uint16_t& counter) {
    if (counter < UINT16_MAX) ++counter;
}

bool all_zero(const uint8_t* bytes, uint8_t size) {
    while (size--) {
        if (*bytes++) return false;
    }
    return true;
}

uint8_t flags_of(const uint8_t* raw) { return raw[1]; }
uint32_t counter_of(const uint8_t* raw) { return read_u32(raw + 2); }

}  // namespace

void Board::receive() {
    static const Command table[] PROGMEM = {
        {Type::identify, false, 0, &Board::identify},
        {Type::open, true, kOpenBody, &Board::open},
        {Type::enrol, false, kEnrolBody, &Board::enrol},
        {Type::configure, true, 5, &Board::configure},
        {Type::describe, true, 1, &Board::describe},
        {Type::ack, true, 4, &Board::acknowledge},
        {Type::calibrate, true, 13, &Board::calibrate},
        {Type::ask_signer, true, 0, &Board::ask_signer},
        {Type::generate, true, 0, &Board::generate},
        {Type::want_leaf, true, 4, &Board::want_leaf},
        {Type::path, true, 5 + lms::kN, &Board::path},
        {Type::sign, true, 4, &Board::sign},
    };
    const uint8_t* const raw = decoder_.raw();
    Command command;
    bool known = false;
    for (const Command& row : table) {
        memcpy_P(&command, &row, sizeof command);
        known = raw[0] == uint8_t(command.type);
        if (known) break;
    }
    const bool good = flags_of(raw) & kFlagAuth ? judge_sealed(command, known) : judge_plain(command, known);
    if (good) (this->*command.run)(raw + kHeadSize);
    if (raw[0] == uint8_t(Type::enrol)) decoder_.wipe();  // obeyed or refused, it may hold a secret
}

// Both judges return true if the frame in decoder_ is to be carried out; else they have counted or answered it.

bool Board::judge_plain(const Command& command, bool known) {
    const uint8_t* const raw = decoder_.raw();
    if (!known || command.auth) {
        count(forged_);
    } else if (flags_of(raw) || counter_of(raw)) {
        result(Code::unknown_command);
    } else if (command.type == Type::enrol && identity_ != store::Identity::none) {
        result(Code::already_enrolled);
    } else if (decoder_.size() != kHeadSize + command.body + kCrcSize) {
        result(Code::bad_length);
    } else {
        return true;
    }
    return false;
}

bool Board::judge_sealed(const Command& command, bool known) {
    const uint8_t* const raw = decoder_.raw();
    const uint32_t counter = counter_of(raw);
    if (identity_ != store::Identity::good) {
        if (known && command.auth) {
            result(Code::not_enrolled);
        } else {
            count(forged_);
        }
        return false;
    }
    const bool defined = known && command.auth && flags_of(raw) == kFlagAuth;
    const bool fits = known && decoder_.size() == kHeadSize + command.body + kMacSize + kCrcSize;
    const bool opening = fits && command.type == Type::open;
    HmacKey& fresh = frame_.scratch();
    const bool keyed = opening ? derive_from_device(raw + kHeadSize, fresh) : open_;
    const bool good = keyed && mac_good(raw, decoder_.size(), opening ? fresh : key_);
    const bool is_new = counter > (opening ? 0 : heard_);
    if (good && is_new && opening && defined) {
        key_ = fresh;
        open_ = true;
        said_ = 0;
    }
    if (opening) wipe(&fresh, sizeof fresh);
    if (!good || !is_new) {
        count(good ? replayed_ : forged_);
        return false;
    }
    if (!opening || defined) {
        heard_ = counter;
        heard_at_ = hal::millis();
    }
    if (!defined) result(Code::unknown_command);
    if (defined && !fits) result(Code::bad_length);
    return defined && fits;
}

// False, and `out` undefined, if the identity does not read back any more.
bool Board::derive_from_device(const uint8_t* host_nonce, HmacKey& out) const {
    if (!device_key(out)) return false;
    derive_session_key(out, nonce_, host_nonce, out);
    return true;
}

uint32_t Board::asker() const { return counter_of(decoder_.raw()); }

void Board::result(Code code, uint8_t detail) { answer(asker(), code, detail); }

void Board::answer(uint32_t counter, Code code, uint8_t detail) {
    Writer out = begin_frame(Type::result);
    out.u32(counter);
    out.u8(uint8_t(code));
    out.u8(detail);
    send(out);
}

// The session is open by now, under the key that the frame proved.
void Board::open(const uint8_t* body) {
    ++session_;
    signer_.forget();
    renew_nonce();
    const uint32_t epoch = read_u32(body + kNonceSize);
    const uint32_t seq = read_u32(body + kNonceSize + 4);
    outbox_.resume(epoch == epoch_ && outbox_.can_resume(seq) ? seq : outbox_.base());
    spoke_at_ = hal::millis();

    Writer out = begin_frame(Type::opened);
    put_device(out);
    out.u32(epoch_);
    out.bytes(image_.digest, kHashSize);
    put_version(out);
    out.u32(outbox_.base());
    out.u32(ring_.head());
    out.bytes(outbox_.base_link(), kHashSize);
    out.u32(spoke_at_);
    send(out);
}

void Board::enrol(const uint8_t* body) {
    const uint8_t* const secret = body + kDeviceSize;
    const uint8_t* const challenge = secret + kSecretSize;
    if (all_zero(body, kDeviceSize)) return result(Code::bad_length);
    signer_.erase();  // whatever was left of one: another identity has another key
    if (!store::identity_write(body, secret)) return result(Code::storage_failed);
    identity_ = store::Identity::good;
    restart_chain();
    renew_nonce();
    // No session is open yet, so its key's place is free.
    if (!device_key(key_)) return result(Code::storage_failed);
    derive_enrol_key(key_, challenge, key_);

    Writer out = frame_.begin(Type::enrolled, 1);
    out.bytes(body, kDeviceSize);
    out.bytes(challenge, kNonceSize);
    out.bytes(image_.digest, kHashSize);
    send(out, &key_);
    wipe(&key_, sizeof key_);
}

void Board::configure(const uint8_t* body) {
    const uint8_t index = body[0];
    const uint32_t rate = read_u32(body + 1);
    if (index >= kChannels) return result(Code::bad_channel);
    if (!allows(index, rate)) return result(Code::bad_rate, index);
    const uint16_t settings = store::settings();
    for (uint8_t other = 0; rate && other < kChannels; ++other) {
        if (share_pins(index, other) && store::setting(settings, other).rate) return result(Code::pin_taken, other);
    }
    store::Setting setting = store::setting(settings, index);
    if (setting.rate != rate || !configured_) {
        setting.rate = rate;
        if (!store::setting_write(index, setting)) return result(Code::storage_failed);
        configured_ = true;
        set_rate(index, rate);
    }
    result(Code::ok);
}

void Board::calibrate(const uint8_t* body) {
    const uint8_t index = body[0];
    if (index >= kChannels) return result(Code::bad_channel);
    const int32_t num = int32_t(read_u32(body + 1));
    const int32_t den = int32_t(read_u32(body + 5));
    const int32_t offset = int32_t(read_u32(body + 9));
    const bool none = !num && !den && !offset;
    if (!none && (!num || num != int16_t(num) || den <= 0 || den != int16_t(den))) return result(Code::bad_calibration, index);
    const store::Setting before = store::setting(store::settings(), index);
    const store::Setting setting = {before.rate, int16_t(num), int16_t(den), offset};
    if (setting.num != before.num || setting.den != before.den || setting.offset != before.offset) {
        if (!store::setting_write(index, setting)) return result(Code::storage_failed);
        configured_ = true;
    }
    result(Code::ok);
}

void Board::describe(const uint8_t* body) {
    const uint8_t index = body[0];
    if (index >= kChannels) return result(Code::bad_channel);
    Channel record = channel(index);
    const store::Setting setting = store::setting(store::settings(), index);
    if (setting.den) {
        record.num = setting.num;
        record.den = setting.den;
        record.offset = setting.offset;
    }
    const uint8_t length = uint8_t(strlen(record.name));

    Writer out = begin_frame(Type::channel);
    out.u8(index);
    out.u32(setting.rate);
    out.u32(uint32_t(int32_t(record.num)));
    out.u32(uint32_t(int32_t(record.den)));
    out.u32(uint32_t(record.offset));
    out.u8(length);
    out.bytes(record.name, length);
    out.bytes(record.unit, uint8_t(strlen(record.unit)));
    send(out);
}

void Board::acknowledge(const uint8_t* body) {
    if (!outbox_.acknowledge(read_u32(body))) result(Code::bad_ack);
}

}  // namespace qcot
