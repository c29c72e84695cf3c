// What a host may ask of a board's signer.
#include "board.h"

namespace qcot {

void Board::ask_signer(const uint8_t*) {
    Writer out = begin_frame(Type::signer);
    out.u8(lms::kTreeType);
    out.u8(lms::kOneTimeType);
    out.u8(0);
    out.u16(0);
    out.u32(0);
    memset(out.at(), 0, lms::kIdentifierSize + lms::kN);
    send(Writer(out.at() + lms::kIdentifierSize + lms::kN));
}

void Board::generate(const uint8_t*) { result(Code::no_key); }
void Board::want_leaf(const uint8_t*) { result(Code::no_key); }
void Board::path(const uint8_t*) { result(Code::no_key); }
void Board::sign(const uint8_t*) { result(Code::no_key); }

}  // namespace qcot
