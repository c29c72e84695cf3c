#ifdef __unix__

#include "hal/posix/bus.h"

#include <string.h>
#include <time.h>

#include "hal/bus.h"
#include "hal/posix/parts.h"

namespace qcot {
namespace hal {
namespace {

sht31 climate;
ds18b20 probe;

constexpr int32_t kPulseDefaults[] = {10, INT32_MAX};  // a second, and how many
script pulse_script;
bool pulses_on;
uint64_t pulses_since_us;
uint32_t pulses_before;

uint64_t now_us() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return uint64_t(now.tv_sec) * 1000000 + uint64_t(now.tv_nsec) / 1000;
}

bool make_pulses(const char* args) { return script_read(&pulse_script, args, 2, kPulseDefaults); }

const struct {
    const char* name;
    const char* usage;
    bool (*make)(const char* args);
} kParts[] = {
    {"sht31", "sht31=" PARTS_SHT31_USAGE, [](const char* args) { return sht31_make(&climate, args); }},
    {"ds18b20", "ds18b20=" PARTS_DS18B20_USAGE, [](const char* args) { return ds18b20_make(&probe, args); }},
    {"pulses", "pulses=HZ,COUNT: so many a second, and in all", make_pulses},
};

const bool made = [] {
    for (const auto& part : kParts) part.make("");
    return true;
}();

int16_t transfer(uint8_t address, bool reads, const uint8_t* said, uint8_t* heard, uint8_t size) {
    if (address != SHT31_ADDRESS) return kSilent;
    if (!reads) sht31_begin(&climate);
    if (climate.fault == FAULT_HELD || climate.fault == FAULT_STUCK) return kHeld;
    if (!sht31_called(&climate, reads, now_us())) return kSilent;
    for (uint8_t i = 0; i < size; ++i) {
        if (reads) {
            heard[i] = sht31_give(&climate);
        } else if (!sht31_take(&climate, said[i], now_us())) {
            return kSilent;
        }
    }
    return 0;
}

// Since boot, of which the part made `row[0]` a second, `row[1]` in all.
uint32_t pulses_now() {
    const int32_t* const row = script_row(&pulse_script);
    const uint64_t made_now = pulses_on ? (now_us() - pulses_since_us) * uint64_t(row[0]) / 1000000 : 0;
    return made_now < uint64_t(row[1]) ? uint32_t(made_now) : uint32_t(row[1]);
}

}  // namespace

const char* device_set(const char* spec) {
    const size_t length = strcspn(spec, "=");
    for (const auto& part : kParts) {
        if (strlen(part.name) == length && !strncmp(part.name, spec, length)) {
            return part.make(spec[length] ? spec + length + 1 : "") ? nullptr : part.usage;
        }
    }
    return "sht31, ds18b20 or pulses";
}

int16_t i2c_write(uint8_t address, const uint8_t* bytes, uint8_t size) {
    return transfer(address, false, bytes, nullptr, size);
}

int16_t i2c_read(uint8_t address, uint8_t* bytes, uint8_t size) { return transfer(address, true, nullptr, bytes, size); }

int16_t onewire_reset() {
    const part_fault fault = ds18b20_reset(&probe);
    return fault == FAULT_ABSENT ? kSilent : fault == FAULT_HELD ? kHeld : int16_t(0);
}

bool onewire_slot(bool bit) {
    const bool level = bit && ds18b20_says(&probe, now_us());
    ds18b20_slot(&probe, bit, now_us());
    return level;
}

void pulses_use(bool on) {
    pulses_before += pulses_now();
    pulses_on = on;
    pulses_since_us = now_us();
}

uint32_t pulses_counted() { return pulses_before + pulses_now(); }

}  // namespace hal
}  // namespace qcot

#endif
