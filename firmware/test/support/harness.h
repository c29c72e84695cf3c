// The whole test harness. A suite is one file of TESTs and `QCOT_TEST_MAIN()`; it prints a line for each failed check and a
// last line `SUITE cases CASES checks CHECKS failed FAILED`, natively and, the same file, on an AVR over its UART.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hal/progmem.h"

#ifdef __AVR__
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
inline void* operator new(size_t, void* at) { return at; }
#else
#include <stdio.h>

#include <new>
#endif

namespace qcot_test {

#ifdef __AVR__
inline void put(char c) {
    while (!(UCSR0A & 1 << UDRE0)) {
    }
    UDR0 = uint8_t(c);
}
inline void start() { UCSR0B = 1 << TXEN0; }
[[noreturn]] inline void end(uint16_t) {
    while (!(UCSR0A & 1 << TXC0)) {
    }
    cli();
    sleep_enable();
    for (;;) sleep_cpu();  // asleep with interrupts off: the simulator ends here
}
#else
inline void put(char c) { putchar(c); }
inline void start() {}
[[noreturn]] inline void end(uint16_t failed) { exit(failed ? 1 : 0); }
#endif

inline void put_number(uint32_t x) {
    if (x >= 10) put_number(x / 10);
    put(char('0' + x % 10));
}

// `text` lies in flash.
inline void put_text(const char* text) {
    for (char c; (c = char(pgm_read_byte(reinterpret_cast<const uint8_t*>(text)))) != 0; ++text) put(c);
}

#ifdef __AVR__
#define QCOT_TEXT(text) PSTR(text)
#else
#define QCOT_TEXT(text) (text)
#endif

struct Case {
    const char* name;
    void (*run)();
    Case* next;

    static Case*& list() {
        static Case* first;
        return first;
    }
    Case(const char* n, void (*r)()) : name(n), run(r), next(nullptr) {
        Case** last = &list();
        while (*last) last = &(*last)->next;
        *last = this;
    }
};

struct Tally {
    uint16_t cases, failed;
    uint32_t checks;
    const char* present;
    const char* vector;  // the vector that is being tried, if any
};
inline Tally& tally() {
    static Tally counts;
    return counts;
}

inline void check(bool good, uint16_t line) {
    ++tally().checks;
    if (good) return;
    ++tally().failed;
    put_text(QCOT_TEXT("FAILED "));
    put_text(tally().present);
    if (tally().vector) {
        put(' ');
        put_text(tally().vector);
    }
    put_text(QCOT_TEXT(" line "));
    put_number(line);
    put('\n');
}

inline void check_equal(uint32_t have, uint32_t want, uint16_t line) {
    check(have == want, line);
    if (have == want) return;
    put_text(QCOT_TEXT("  have "));
    put_number(have);
    put_text(QCOT_TEXT(" want "));
    put_number(want);
    put('\n');
}

[[noreturn]] inline void run_all(const char* suite) {
    start();
    for (Case* one = Case::list(); one; one = one->next) {
        tally().present = one->name;
        tally().vector = nullptr;
        ++tally().cases;
        one->run();
    }
    put_text(suite);
    put_text(QCOT_TEXT(" cases "));
    put_number(tally().cases);
    put_text(QCOT_TEXT(" checks "));
    put_number(tally().checks);
    put_text(QCOT_TEXT(" failed "));
    put_number(tally().failed);
    put('\n');
    end(tally().failed);
}

// A byte string of the vectors: in flash.
struct Bytes {
    const uint8_t* at;
    uint16_t size;
};

inline uint16_t load(const Bytes& from, uint8_t* to) {
    memcpy_P(to, from.at, from.size);
    return from.size;
}

template <typename T>
T from_flash(const T& row) {
    T out;
    memcpy_P(&out, &row, sizeof out);
    return out;
}

// Random numbers that are the same everywhere (xorshift32, Marsaglia 2003).
struct Random {
    uint32_t state;
    uint32_t operator()() {
        state ^= state << 13;
        state ^= state >> 17;
        return state ^= state << 5;
    }
    uint32_t below(uint32_t limit) { return (*this)() % limit; }
};

}  // namespace qcot_test

#define TEST(name)                                          \
    static void name();                                     \
    static const char name##_text[] PROGMEM = #name;        \
    static qcot_test::Case name##_case(name##_text, name);  \
    static void name()

#define CHECK(x) qcot_test::check((x), uint16_t(__LINE__))
#define CHECK_EQUAL(have, want) qcot_test::check_equal(uint32_t(have), uint32_t(want), uint16_t(__LINE__))
#define CHECK_BYTES(have, want, size) qcot_test::check(memcmp((have), (want), (size)) == 0, uint16_t(__LINE__))

#define QCOT_TEST_MAIN(suite) \
    int main() { qcot_test::run_all(QCOT_TEXT(suite)); }
