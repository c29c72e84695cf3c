#include "sensors.h"

#include "chain/reading.h"
#include "hal/critical.h"
#include "hal/hal.h"

namespace qcot {
namespace {

constexpr uint8_t kMostValues = 4;  // channels of one sensor

#define SENSOR(name, count) static_assert(count <= kMostValues, #name " has more channels than a measurement holds");
#include "table.inc"
#undef SENSOR

bool passed(uint32_t now, uint16_t time) { return int16_t(uint16_t(now) - time) >= 0; }

void deliver(const Reading& reading) {
    const NoSample guard;  // the sampler's interrupt delivers too
    hal::sampled(reading);
}

}  // namespace

bool Sensors::in_use(const Place& place) const {
    for (uint8_t i = 0; i < place.count; ++i) {
        if (slots_[place.first - kAdcChannels + i].period) return true;
    }
    return false;
}

void Sensors::set_rate(uint8_t channel, uint32_t rate) {
    const Place place = place_of(channel);
    const bool before = in_use(place);
    Slot& slot = slots_[channel - kAdcChannels];
    slot.period = rate ? uint16_t((1000000 + rate / 2) / rate) : uint16_t(0);
    slot.due = uint16_t(hal::millis() + slot.period);
    const bool after = in_use(place);
    const Sensor record = sensor(place.sensor);
    if (before != after && record.use) record.use(after);
}

bool Sensors::poll(uint32_t now) {
    for (uint8_t channel = kAdcChannels; channel < kChannels;) {
        const Place place = place_of(channel);
        channel = uint8_t(channel + place.count);
        Run& run = runs_[place.sensor];
        if (!run.wanted) begin(place, now);
        if (!run.wanted || !passed(now, run.next)) continue;
        int32_t values[kMostValues];
        const int16_t outcome = sensor(place.sensor).measure(run.step++, values);
        if (outcome < 0) {
            end(place, now, outcome, values);
        } else {
            // The millisecond that has begun counts for nothing.
            run.next = uint16_t(now + (outcome ? uint16_t(outcome) + 1u : 0u));
        }
        return true;
    }
    return false;
}

// A measurement for those of its channels that are due, if any is.
void Sensors::begin(const Place& place, uint32_t now) {
    Run& run = runs_[place.sensor];
    for (uint8_t i = 0; i < place.count; ++i) {
        Slot& slot = slots_[place.first - kAdcChannels + i];
        if (!slot.period || !passed(now, slot.due)) continue;
        slot.due = uint16_t(slot.due + slot.period);
        run = {uint8_t(run.wanted | 1 << i), 0, uint16_t(now), uint16_t(now)};
    }
}

void Sensors::end(const Place& place, uint32_t now, int16_t outcome, const int32_t* values) {
    Run& run = runs_[place.sensor];
    const uint32_t began = now - uint16_t(uint16_t(now) - run.began);
    for (uint8_t i = 0; i < place.count; ++i) {
        if (!(run.wanted >> i & 1)) continue;
        const uint8_t channel = uint8_t(place.first + i);
        if (outcome == kReady) {
            deliver({began, channel, values[i]});
        } else {
            deliver({began, kFault, int32_t(uint16_t(kReady - outcome) << 8 | channel)});
        }
    }
    run.wanted = 0;
}

uint16_t Sensors::patience(uint32_t now, uint16_t most) const {
    const auto sooner = [&](uint16_t time) {
        if (passed(now, time)) most = 0;
        const uint16_t left = uint16_t(time - uint16_t(now));
        if (left < most) most = left;
    };
    for (const Run& run : runs_) {
        if (run.wanted) sooner(run.next);
    }
    for (const Slot& slot : slots_) {
        if (slot.period) sooner(slot.due);
    }
    return most;
}

}  // namespace qcot
