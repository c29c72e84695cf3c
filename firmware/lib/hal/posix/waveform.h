// What the inputs of a native board read: a recording, or a pulse wave made up. A simulation either way.
#pragma once

#include <stdint.h>

namespace qcot {
namespace hal {

// Reads `counts` or `seconds,counts` lines, a header line allowed; ends the program, naming file and line, on anything else.
// One column goes at `rate` lines a second. Without `once` it begins anew at its end.
void waveform_load(const char* path, double rate, bool once);

// Counts (0 to 1023) of `input` at `us` microseconds after boot.
uint16_t waveform_at(uint8_t input, uint64_t us, uint64_t seed);

}  // namespace hal
}  // namespace qcot
