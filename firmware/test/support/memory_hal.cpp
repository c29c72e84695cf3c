#include "support/memory_hal.h"

#include "hal/bus.h"
#include "link/decoder.h"
#include "support/harness.h"

namespace machine {

Machine state;

namespace {

uint8_t memory[sizeof(qcot::Board)] __attribute__((aligned(8)));
qcot::Board* running_board;

}  // namespace

void reset() {
    memset(&state, 0, sizeof state);
    memset(state.storage, 0xFF, sizeof state.storage);
    state.writes_left = UINT16_MAX;
    state.torn = -1;
}

qcot::Board& boot() {
    state.now = 0;
    state.in_left = 0;
    state.sent = false;
    memset(state.rates, 0, sizeof state.rates);
    running_board = new (memory) qcot::Board();
    running_board->begin();
    return *running_board;
}

bool run(qcot::Board& board, const uint8_t* bytes, uint16_t size) {
    state.in = bytes;
    state.in_left = size;
    state.sent = false;
    while (board.poll() == 0 || state.in_left) {
        if (state.sent && state.in_left == 0) return true;
    }
    return state.sent;
}

uint8_t image_byte(uint32_t at) { return uint8_t(at * 31 + 7); }

}  // namespace machine

namespace qcot {
namespace hal {

using machine::state;

uint32_t millis() { return state.now; }

#ifdef __AVR__
void sampler_out() {}
void sampler_in() {}
#endif

int16_t serial_read() {
    if (state.in_left == 0) return -1;
    --state.in_left;
    return *state.in++;
}

bool serial_idle() { return true; }

void serial_send(const uint8_t* data, uint16_t size) {
    static FrameDecoder<kMaxRaw> decoder;
    new (&decoder) FrameDecoder<kMaxRaw>();
    decoder.push(0);
    auto event = FrameDecoder<kMaxRaw>::Event::none;
    for (uint16_t i = 0; i < size; ++i) event = decoder.push(data[i]);
    // What a board sends is always a frame.
    if (event != FrameDecoder<kMaxRaw>::Event::frame) abort();
    state.out_size = decoder.size();
    memcpy(state.out, decoder.raw(), decoder.size());
    state.sent = true;
}

void storage_read(uint16_t at, void* to, uint8_t size) {
    if (at + size > machine::kStorageSize) abort();
    memcpy(to, state.storage + at, size);
}

void storage_write(uint16_t at, const void* from, uint8_t size) {
    if (at + size > machine::kStorageSize) abort();
    const uint8_t* byte = static_cast<const uint8_t*>(from);
    for (; size; --size, ++at, ++byte) {
        if (state.storage[at] == *byte || (at >= state.worn_from && at < state.worn_to)) continue;
        if (state.writes_left == 0) {
            if (state.torn >= 0) state.storage[at] = uint8_t(state.torn);
            state.torn = -1;
            continue;
        }
        --state.writes_left;
        ++state.writes;
        state.storage[at] = *byte;
    }
}

uint32_t image_size() { return machine::kImageSize; }

void image_read(uint32_t at, uint8_t* to, uint8_t size) {
    while (size--) *to++ = machine::image_byte(at++);
}

void entropy(uint8_t* to, uint8_t size);  // the suite's

int16_t i2c_write(uint8_t address, const uint8_t* bytes, uint8_t size) {
    state.bus.address = address;
    memcpy(state.bus.said, bytes, size);
    state.bus.said_size = size;
    return state.bus.i2c;
}

int16_t i2c_read(uint8_t address, uint8_t* bytes, uint8_t size) {
    state.bus.address = address;
    memcpy(bytes, state.bus.answer, size);
    return state.bus.i2c;
}

int16_t onewire_reset() {
    state.bus.bits = state.bus.said_size = 0;
    return state.bus.onewire;
}

// Written bytes are kept; after READ SCRATCHPAD the answer is given.
bool onewire_slot(bool bit) {
    const uint8_t at = uint8_t(state.bus.bits / 8), in_byte = uint8_t(state.bus.bits % 8);
    ++state.bus.bits;
    if (at >= 2 && state.bus.said[1] == 0xBE) return state.bus.answer[at - 2] >> in_byte & 1;
    uint8_t& byte = state.bus.said[at];
    byte = uint8_t(byte >> 1 | (bit ? 0x80 : 0));
    state.bus.said_size = uint8_t(at + 1);
    return bit;
}

void pulses_use(bool on) { state.bus.counts = on; }
uint32_t pulses_counted() { return state.bus.pulses; }
int16_t noise() {
    state.gathering = true;
    return uint8_t(state.noise++ * 37);
}
void noise_end() { state.gathering = false; }

void sample_every(uint8_t channel, uint32_t rate) { state.rates[channel] = rate; }
bool erase_wanted() { return state.erase_held; }
void watchdog_feed() { ++state.fed; }
void led(bool on) { state.led = on; }
uint16_t free_ram() { return 321; }
void sampled(const Reading& reading) {
    state.taken[state.taken_count++ % machine::kTaken] = reading;
    if (machine::running_board) machine::running_board->sampled(reading);
}

}  // namespace hal
}  // namespace qcot
