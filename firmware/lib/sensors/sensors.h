// Takes the sensors of table.inc through their measurements from the main loop, each on the schedule of its channels.
#pragma once

#include "channels.h"

namespace qcot {

class Sensors {
public:
    // `channel` is a sensor's, and `rate` one that it allows(); 0 is off.
    void set_rate(uint8_t channel, uint32_t rate);

    // Takes one step of one measurement if one is due, at most about a millisecond, and hands what is ready to
    // hal::sampled. True if it did.
    __attribute__((noinline)) bool poll(uint32_t now);

    // Milliseconds until a step is due, `most` at most.
    uint16_t patience(uint32_t now, uint16_t most) const;

private:
    struct Slot {
        uint16_t period;  // ms; 0 is off
        uint16_t due;     // ms, lower half, as all times here: none is further away than 10 s
    };
    struct Run {
        uint8_t wanted;  // a bit for each channel that the measurement under way is for; 0: none is
        uint8_t step;
        uint16_t next;   // when that step is due
        uint16_t began;
    };

    bool in_use(const Place& place) const;
    void begin(const Place& place, uint32_t now);
    void end(const Place& place, uint32_t now, int16_t outcome, const int32_t* values);

    Slot slots_[kSensorChannels] = {};
    Run runs_[kSensors] = {};
};

}  // namespace qcot
