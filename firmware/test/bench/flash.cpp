// SHA-256 in all, or nothing of it: the difference is the flash that it takes.
#include "crypto/sha256.h"

volatile uint16_t size;
uint8_t data[1], digest[qcot::kHashSize];

int main() {
#ifdef QCOT_HASH
    qcot::sha256(data, size, digest);
#endif
}
