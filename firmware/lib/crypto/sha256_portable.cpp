// For all machines but those that have an assembly of their own.
#ifndef __AVR__

#include "sha256_portable.h"

extern "C" void qcot::sha256_compress(Sha256State state, Sha256Block block) { sha256_portable::compress(state, block); }

#endif
