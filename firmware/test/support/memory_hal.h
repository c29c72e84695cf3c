// A machine in memory: tests set its clock, feed its line and cut its power.
#pragma once

#include "board/board.h"
#include "hal/hal.h"

namespace machine {

constexpr uint16_t kStorageSize = 1024;
constexpr uint8_t kImageSize = 200;

constexpr uint8_t kTaken = 32;

struct Machine {
    uint32_t now;
    uint8_t storage[kStorageSize];
    // Bytes that the storage still takes; the one after them becomes `torn`, and the rest is lost with the power.
    uint16_t writes_left;
    int16_t torn;  // -1: as it was
    uint16_t writes;
    uint16_t worn_from, worn_to;  // these addresses keep what they hold
    bool erase_held;
    uint16_t noise;      // bytes that noise() gave; each is its number, times 37
    bool gathering;      // since the first of them, until noise_end()
    uint32_t rates[qcot::kChannels];
    struct {
        int16_t i2c, onewire;  // how a transfer, and a reset, ends: 0 or a fault
        uint8_t address;
        uint8_t said[24];  // what was written on either bus since the last look
        uint8_t said_size;
        uint8_t answer[9];  // what is read on either bus
        uint8_t bits;       // slots on the 1-wire line since its reset
        uint32_t pulses;
        bool counts;
    } bus;
    qcot::Reading taken[kTaken];  // the last that were sampled, in turn
    uint16_t taken_count;
    const uint8_t* in;
    uint16_t in_left;
    uint8_t out[256];  // the last frame, raw
    uint16_t out_size;
    bool sent;
    bool led;
    uint32_t fed;  // how often the watchdog was
};

extern Machine state;

// A blank machine, never powered before.
void reset();

// Power on: everything but the storage starts anew.
qcot::Board& boot();

// Feeds bytes and polls until a frame was sent (true; state.out holds it) or there is nothing to do. The answer to what
// was fed comes before all that the board says of its own.
bool run(qcot::Board& board, const uint8_t* bytes = nullptr, uint16_t size = 0);

// What a byte of the image is.
uint8_t image_byte(uint32_t at);

}  // namespace machine
