#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint8_t kMajor = 1;
constexpr uint8_t kMinor = 1;
constexpr uint8_t kPatch = 0;

}  // namespace qcot
