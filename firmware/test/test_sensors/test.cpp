// Sensors beside the ADC: what they are asked and answer on the bus, and when the main loop takes them through it.
#include "sensors/crc8.h"
#include "sensors/sensors.h"
#include "support/harness.h"
#include "support/memory_hal.h"

using namespace qcot;
using namespace qcot_test;
using machine::state;

void qcot::hal::entropy(uint8_t* to, uint8_t size) { memset(to, 0, size); }

namespace {

constexpr uint8_t kClimate = kAdcChannels, kHumidity = kAdcChannels + 1, kProbe = kAdcChannels + 2,
                  kPulses = kAdcChannels + 3;

// Runs a whole measurement, as fast as it is allowed to, on a bus that stays as it is.
int16_t measure(uint8_t channel, int32_t* values) {
    const Sensor record = sensor(place_of(channel).sensor);
    for (uint8_t step = 0;; ++step) {
        const int16_t outcome = record.measure(step, values);
        if (outcome < 0) return outcome;
    }
}

// The 1-wire part's scratchpad, its CRC made good.
void scratchpad(uint16_t raw, uint8_t high = 0x51, uint8_t low = 0x43) {
    const uint8_t bytes[] = {uint8_t(raw), uint8_t(raw >> 8), high, low, 0x7F, 0xFF, 0x0C, 0x10};
    uint8_t crc = 0;
    for (uint8_t byte : bytes) crc = crc8_maxim(crc, byte);
    memcpy(state.bus.answer, bytes, sizeof bytes);
    state.bus.answer[8] = crc;
}

// As an SHT31 answers.
void climate(uint16_t temperature, uint16_t humidity) {
    uint8_t* to = state.bus.answer;
    const uint16_t words[] = {temperature, humidity};
    for (uint16_t word : words) {
        to[0] = uint8_t(word >> 8);
        to[1] = uint8_t(word);
        to[2] = crc8_sensirion(to, 2);
        to += 3;
    }
}

void flip(uint8_t bit) {
    uint8_t& byte = state.bus.answer[bit / 8];
    byte = uint8_t(byte ^ 1 << bit % 8);
}

// The main loop, a millisecond a turn.
void run(Sensors& sensors, uint32_t ms) {
    for (const uint32_t end = state.now + ms; state.now != end; ++state.now) {
        while (sensors.poll(state.now)) {
        }
    }
}

const Reading& last() { return state.taken[uint8_t(state.taken_count - 1) % machine::kTaken]; }

}  // namespace

TEST(the_checksums_are_those_of_the_data_sheets) {
    const uint8_t sensirion[] = {0xBE, 0xEF};  // SHT3x data sheet, section 4.12
    CHECK_EQUAL(crc8_sensirion(sensirion, 2), 0x92);
    const uint8_t maxim[] = {0x02, 0x1C, 0xB8, 0x01, 0x00, 0x00, 0x00};  // application note 27, example 1
    uint8_t crc = 0;
    for (uint8_t byte : maxim) crc = crc8_maxim(crc, byte);
    CHECK_EQUAL(crc, 0xA2);
    CHECK_EQUAL(crc8_maxim(crc, 0xA2), 0);
}

TEST(every_channel_has_a_name_of_its_own_and_a_scale_that_divides) {
    for (uint8_t i = 0; i < kChannels; ++i) {
        const Channel one = channel(i);
        CHECK(one.den > 0 && one.num != 0);
        CHECK(strlen(one.name) >= 1 && strlen(one.name) <= 12);
        CHECK(strlen(one.unit) < sizeof one.unit);
        for (uint8_t j = 0; j < i; ++j) CHECK(strcmp(one.name, channel(j).name) != 0);
    }
    CHECK(strcmp(channel(kAnalogInputs - 1).name, kAnalogInputs == 16 ? "A15" : "A5") == 0);
    CHECK(strcmp(channel(kAnalogInputs).name, "supply") == 0);
    CHECK(strcmp(channel(kClimate).name, "sht31-t") == 0);
    CHECK(strcmp(channel(kPulses).name, "pulses") == 0);
}

TEST(a_rate_is_allowed_up_to_what_the_sensor_keeps) {
    for (uint8_t i = 0; i < kAdcChannels; ++i) CHECK(allows(i, 0) && allows(i, 200000) && !allows(i, 200001) && !allows(i, 99));
    CHECK(allows(kHumidity, 50000) && !allows(kHumidity, 50001));
    CHECK(allows(kProbe, 1000) && !allows(kProbe, 1001) && allows(kProbe, 0) && !allows(kProbe, 99));
    CHECK(allows(kPulses, 200000) && !allows(kPulses, 200001));
}

TEST(an_sht31_is_asked_for_one_measurement_and_both_its_words_are_checked) {
    machine::reset();
    int32_t values[2];
    static const uint16_t words[][2] = {{0, 65535}, {26214, 29491}, {65535, 0}, {32768, 1}};
    for (const auto& pair : words) {
        climate(pair[0], pair[1]);
        CHECK_EQUAL(measure(kClimate, values), kReady);
        CHECK_EQUAL(values[0], pair[0]);
        CHECK_EQUAL(values[1], pair[1]);
    }
    CHECK_EQUAL(state.bus.address, 0x44);
    CHECK(state.bus.said_size == 2 && state.bus.said[0] == 0x24 && state.bus.said[1] == 0x00);
    for (uint8_t bit = 0; bit < 48; ++bit) {
        flip(bit);
        CHECK_EQUAL(measure(kClimate, values), kChecksum);
        flip(bit);
    }
    state.bus.i2c = kSilent;
    CHECK_EQUAL(measure(kClimate, values), kSilent);
    state.bus.i2c = kHeld;
    CHECK_EQUAL(measure(kClimate, values), kHeld);
}

TEST(temperatures_of_a_ds18b20_are_those_of_its_data_sheet) {
    machine::reset();
    static const struct {
        uint16_t raw;
        int16_t sixteenths;
    } table[] = {{0x07D0, 2000}, {0x0550, 1360}, {0x0191, 401},  {0x00A2, 162},  {0x0008, 8},
                 {0x0000, 0},    {0xFFF8, -8},   {0xFF5E, -162}, {0xFE6F, -401}, {0xFC90, -880}};
    for (const auto& row : table) {
        int32_t value = 99999;
        scratchpad(row.raw);
        CHECK_EQUAL(measure(kProbe, &value), kReady);
        CHECK_EQUAL(value, row.sixteenths);
    }
}

TEST(a_ds18b20_is_told_the_mark_that_it_forgets_with_its_power) {
    machine::reset();
    const Sensor record = sensor(place_of(kProbe).sensor);
    int32_t value;
    scratchpad(0);
    for (uint8_t step = 0; step < 6; ++step) CHECK(record.measure(step, &value) >= 0);
    const uint8_t mark[] = {0xCC, 0x4E, 0x51, 0x43, 0x7F};
    CHECK_BYTES(state.bus.said, mark, sizeof mark);
    for (uint8_t step = 6; step < 9; ++step) CHECK_EQUAL(record.measure(step, &value), step == 8 ? 750 : step == 6 ? 1 : 0);
    CHECK(state.bus.said_size == 2 && state.bus.said[0] == 0xCC && state.bus.said[1] == 0x44);
}

TEST(what_a_ds18b20_did_not_say_is_no_temperature) {
    machine::reset();
    int32_t value = 99999;
    scratchpad(401);
    for (uint8_t bit = 0; bit < 72; ++bit) {
        flip(bit);
        CHECK_EQUAL(measure(kProbe, &value), kChecksum);
        flip(bit);
    }
    scratchpad(0x0550, 0x4B, 0x46);  // as after a loss of power
    CHECK_EQUAL(measure(kProbe, &value), kRestarted);
    memset(state.bus.answer, 0x00, sizeof state.bus.answer);  // a line that stays low has a good CRC
    CHECK_EQUAL(measure(kProbe, &value), kRestarted);
    memset(state.bus.answer, 0xFF, sizeof state.bus.answer);
    CHECK_EQUAL(measure(kProbe, &value), kChecksum);
    state.bus.onewire = kSilent;
    CHECK_EQUAL(measure(kProbe, &value), kSilent);
    state.bus.onewire = kHeld;
    CHECK_EQUAL(measure(kProbe, &value), kHeld);
    CHECK_EQUAL(value, 99999);
}

TEST(pulses_are_a_count_that_never_is_negative) {
    machine::reset();
    int32_t value;
    state.bus.pulses = 0x7FFFFFFF;
    CHECK_EQUAL(measure(kPulses, &value), kReady);
    CHECK_EQUAL(value, INT32_MAX);
    state.bus.pulses = 0x80000001;
    measure(kPulses, &value);
    CHECK_EQUAL(value, 1);
}

TEST(a_sensor_is_measured_at_its_rate_whatever_the_clock_wraps) {
    machine::reset();
    Sensors sensors;
    state.now = UINT32_MAX - 40000;
    climate(1000, 2000);
    sensors.set_rate(kClimate, 2000);
    run(sensors, 80010);
    CHECK_EQUAL(state.taken_count, 159);  // every 500 ms; the last is under way
    CHECK_EQUAL(last().channel, kClimate);
    CHECK_EQUAL(last().value, 1000);
    CHECK_EQUAL(last().time, UINT32_MAX - 40000 + 159 * 500ul);
    sensors.set_rate(kClimate, 0);
    run(sensors, 2000);
    CHECK_EQUAL(state.taken_count, 160);  // what was under way is delivered
}

TEST(a_measurement_waits_as_long_as_its_sensor_needs_and_hinders_no_other) {
    machine::reset();
    Sensors sensors;
    scratchpad(401);
    sensors.set_rate(kProbe, 1000);
    sensors.set_rate(kPulses, 10000);
    run(sensors, 1751);
    uint16_t probes = 0;
    for (uint16_t i = 0; i < state.taken_count; ++i) probes = uint16_t(probes + (state.taken[i].channel == kProbe));
    CHECK_EQUAL(probes, 0);  // converting
    CHECK_EQUAL(state.taken_count, 17);
    run(sensors, 60);
    CHECK_EQUAL(state.taken_count, 19);
    CHECK(state.taken[17].channel == kProbe || state.taken[18].channel == kProbe);
}

TEST(one_measurement_serves_all_channels_that_are_due) {
    machine::reset();
    Sensors sensors;
    climate(1, 2);
    sensors.set_rate(kClimate, 1000);
    sensors.set_rate(kHumidity, 1000);
    run(sensors, 1100);
    CHECK_EQUAL(state.taken_count, 2);
    CHECK(state.taken[0].channel == kClimate && state.taken[0].value == 1);
    CHECK(state.taken[1].channel == kHumidity && state.taken[1].value == 2);
    CHECK_EQUAL(state.taken[0].time, state.taken[1].time);
}

TEST(a_fault_is_told_for_each_channel_that_was_due_and_no_value_is_made_up) {
    static const struct {
        int16_t fault;
        uint8_t code;
    } table[] = {{kSilent, 1}, {kHeld, 2}};
    for (const auto& row : table) {
        machine::reset();
        Sensors sensors;
        state.bus.i2c = row.fault;
        sensors.set_rate(kHumidity, 10000);
        run(sensors, 201);
        CHECK_EQUAL(state.taken_count, 2);
        CHECK_EQUAL(last().channel, kFault);
        CHECK_EQUAL(last().value, row.code << 8 | kHumidity);
        CHECK_EQUAL(last().time, 200);
    }
    machine::reset();
    Sensors sensors;
    climate(1, 2);
    flip(16);
    sensors.set_rate(kClimate, 10000);
    run(sensors, 150);
    CHECK_EQUAL(last().value, 3 << 8 | kClimate);
    scratchpad(0x0550, 0x4B, 0x46);
    sensors.set_rate(kClimate, 0);
    sensors.set_rate(kProbe, 1000);
    run(sensors, 2000);
    CHECK_EQUAL(last().value, 4 << 8 | kProbe);
}

TEST(an_input_is_in_use_only_while_a_channel_of_it_is_on) {
    machine::reset();
    Sensors sensors;
    CHECK(!state.bus.counts);
    sensors.set_rate(kPulses, 1000);
    CHECK(state.bus.counts);
    sensors.set_rate(kPulses, 2000);
    CHECK(state.bus.counts);
    sensors.set_rate(kPulses, 0);
    CHECK(!state.bus.counts);
}

TEST(the_main_loop_may_sleep_until_a_sensor_is_due) {
    machine::reset();
    Sensors sensors;
    CHECK_EQUAL(sensors.patience(0, 700), 700);
    sensors.set_rate(kPulses, 2000);
    CHECK_EQUAL(sensors.patience(0, 700), 500);
    CHECK_EQUAL(sensors.patience(499, 700), 1);
    CHECK_EQUAL(sensors.patience(500, 700), 0);
    CHECK_EQUAL(sensors.patience(600, 700), 0);
}

QCOT_TEST_MAIN("sensors")
