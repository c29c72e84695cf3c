// Constants that stay in flash. On an AVR flash is an address space of its own; elsewhere it is plain memory.
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
static inline void* memcpy_P(void* to, const void* from, size_t size) { return memcpy(to, from, size); }
static inline uint32_t pgm_read_dword(const uint32_t* at) { return *at; }
static inline uint8_t pgm_read_byte(const uint8_t* at) { return *at; }
#endif
