// The line of a native board: a pseudo-terminal of its own.
#pragma once

#include <stdint.h>

namespace qcot {
namespace hal {

// Opens it and prints `port: PATH` on standard output; `link` (or null) becomes a symbolic link to it.
void port_open(const char* link);
void port_close();

// Sleeps until a byte comes, a send goes on, or `us` microseconds have passed.
void port_wait(uint64_t us);

}  // namespace hal
}  // namespace qcot
