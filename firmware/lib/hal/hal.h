// All that the core needs of a machine. hal/arduino and hal/posix implement it; tests bring one in memory.
#pragma once

#include <stdint.h>

namespace qcot {

struct Reading;

namespace hal {

void begin(int argc, char** argv);

// False once the process was asked to end; always true on a board.
bool running();

// Sleeps until a sample, a byte or `ms`, whichever comes first.
void idle(uint16_t ms);

// Since boot, modulo 2^32.
uint32_t millis();

// The next byte from the host, or -1.
int16_t serial_read();

// True when the last frame given to serial_send needs its memory no more.
bool serial_idle();

// Sends from `data` while the caller goes on; `data` must stay as it is until serial_idle().
void serial_send(const uint8_t* data, uint16_t size);

// Once a turn: a network may stand in for the cable, but only where there is an identity. ENROL is for a cable that somebody trusts.
#ifdef __AVR__
inline void networked(bool) {}
#else
void networked(bool enrolled);
#endif

// The EEPROM: survives power, may be torn at any byte.
void storage_read(uint16_t at, void* to, uint8_t size);
void storage_write(uint16_t at, const void* from, uint8_t size);

// A memory part on its own bus, where the program is built for one. begin() looks for it, once: its size, or 0 if none answers
// and keeps what it is given. write() is false if it did not read back, and tries more than once.
uint32_t part_begin();
void part_read(uint32_t at, void* to, uint8_t size);
bool part_write(uint32_t at, const void* from, uint8_t size);

// The program as it lies in flash (or the executable file).
uint32_t image_size();
void image_read(uint32_t at, uint8_t* to, uint8_t size);

// Whatever the machine has that differs from boot to boot. No secret depends on its being good.
void entropy(uint8_t* to, uint8_t size);

// A byte of whatever physical noise the machine has, for secrets; -1 while there is none yet. The first call starts what
// gathers it, noise_end() stops that. Sampling and the watchdog go on meanwhile.
int16_t noise();
void noise_end();

// Samples `channel` at `rate` mHz from now on; 0 stops it. A sample under way is still delivered, once.
void sample_every(uint8_t channel, uint32_t rate);

// Asked once at boot: does somebody with hands on the board want its identity gone?
bool erase_wanted();

// Unless it is called every two seconds the machine starts anew; a process ends.
void watchdog_feed();
void led(bool on);
uint16_t free_ram();

// Implemented by the program: takes a sample, on an AVR inside an interrupt.
void sampled(const Reading& reading);

}  // namespace hal
}  // namespace qcot
