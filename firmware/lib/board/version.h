#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint8_t kFirmware[3] = {1, 0, 0};  // major, minor, patch

}  // namespace qcot
