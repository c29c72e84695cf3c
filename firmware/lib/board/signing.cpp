// What a host may ask of a board's signer, and what the signer has to say.
#include "board.h"
#include "hal/progmem.h"

namespace qcot {
namespace {

const char kCheckpointLabel[] PROGMEM = "qcot/checkpoint/v1";
constexpr uint8_t kCheckpointLabelSize = sizeof kCheckpointLabel - 1;

}  // namespace

void Board::ask_signer(const uint8_t*) {
    Writer out = begin_frame(Type::signer);
    out.u8(lms::kTreeType);
    out.u8(lms::kOneTimeType);
    out.u8(uint8_t(signer_.phase()));
    out.u16(signer_.generation());
    out.u32(signer_.next());
    out.bytes(signer_.identifier(), lms::kIdentifierSize);
    signer_.root(out.at());
    send(Writer(out.at() + lms::kN));
}

// What was asked for before it goes on where this one is refused, and its answer is still that one's.
void Board::answer_later(Code code) {
    if (code != Code::ok) return result(code);
    asked_ = asker();
}

// Answered when the key is stored, or at once with a refusal.
void Board::generate(const uint8_t*) {
    answer_later(signer_.gather());
}

void Board::want_leaf(const uint8_t* body) {
    answer_later(signer_.want_leaf(read_u32(body)));
}

void Board::path(const uint8_t* body) {
    result(signer_.climb(read_u32(body), body[4], body + 5, frame_.stream()));
}

void Board::sign(const uint8_t* body) {
    const uint32_t leaf = read_u32(body);
    const Code code = signer_.may_sign(leaf);
    if (code != Code::ok) return result(code);
    uint8_t randomizer[lms::kN];
    const bool reserved = signer_.sign(
        [this](lms::Stream& message) {
            uint8_t head[kCheckpointLabelSize + kDeviceSize + 8];
            memcpy_P(head, kCheckpointLabel, kCheckpointLabelSize);
            Writer out(head + kCheckpointLabelSize);
            put_device(out);
            out.u32(epoch_);
            out.u32(outbox_.base());
            message.add(head, sizeof head);
            message.add(outbox_.base_link(), kHashSize);
        },
        randomizer);
    if (!reserved) return result(Code::storage_failed);
    signed_ = uint16_t(leaf);
    filled_ = 0;
    Writer out = begin_frame(Type::checkpoint);
    out.u32(leaf);
    out.u32(epoch_);
    out.u32(outbox_.base());
    out.bytes(outbox_.base_link(), kHashSize);
    out.bytes(randomizer, lms::kN);
    send(out);
}

// Values gather where the next frame is made. They go when the frame is full or at its end, or when `make_way`
// says that another frame is to be made there. True if they went.
bool Board::send_signature(bool make_way) {
    const uint8_t* const value = signer_.value();
    if (value && filled_ < kMaxValues) {
        memcpy(frame_.body() + kSignatureHead + filled_ * lms::kN, value, lms::kN);
        ++filled_;
        signer_.take();
    }
    if (filled_ == 0 || !(make_way || filled_ == kMaxValues || !signer_.signing())) return false;
    const uint8_t end = signer_.signing() ? signer_.chain() : lms::kChains;
    Writer out = begin_frame(Type::signature);
    out.u32(signed_);
    out.u8(uint8_t(end - filled_));
    send(Writer(out.at() + filled_ * lms::kN));
    filled_ = 0;
    return true;
}

// What was asked for and took its time. True if it said something.
bool Board::answer_late() {
    if (signer_.gathered()) {
        HmacKey& key = frame_.scratch();
        const bool good = device_key(key) && signer_.create(key, epoch_);
        wipe(&key, sizeof key);
        if (!good) signer_.forget();
        answer(asked_, good ? Code::ok : Code::storage_failed);
        return true;
    }
    if (signer_.failed()) {
        answer(asked_, Code::storage_failed);
        return true;
    }
    const uint8_t* const leaf = signer_.leaf();
    if (!leaf) return false;
    Writer out = begin_frame(Type::leaf);
    out.u32(signer_.leaf_index());
    out.bytes(leaf, lms::kN);
    send(out);
    signer_.said();
    return true;
}

}  // namespace qcot
