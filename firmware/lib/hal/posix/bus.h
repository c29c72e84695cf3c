// What hangs on the buses of a native board: the same simulated parts as in the emulator, all there unless told otherwise.
#pragma once

namespace qcot {
namespace hal {

// Gives the part that `spec` names, NAME=ARGS (parts.h), other values and faults. Null, or what it should have been.
const char* device_set(const char* spec);

}  // namespace hal
}  // namespace qcot
