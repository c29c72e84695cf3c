// The rest of an AVR: EEPROM, flash, pins, watchdog, sleep, stack.
#ifdef __AVR__

#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <util/delay.h>

#include "hal/arduino/power.h"
#include "hal/arduino/sampler.h"
#include "hal/arduino/uart.h"
#include "hal/hal.h"
#include "hal/usb/cdc.h"

extern "C" {
extern const char __data_load_end[];  // set by the linker: the first address of flash after the program
extern uint8_t _end;                  // the first byte of RAM after static data
extern uint8_t __stack;

constexpr uint8_t kPaint = 0xC5;  // and in qcot_paint_stack

// A watchdog that reset the chip goes on running, and at its shortest period: stop it before static data is set up.
void qcot_stop_watchdog() __attribute__((naked, used, section(".init3")));
void qcot_stop_watchdog() {
    MCUSR = 0;
    wdt_disable();
}

// Fills the stack's memory, so that its greatest depth can be seen later.
void qcot_paint_stack() __attribute__((naked, used, section(".init1")));
void qcot_paint_stack() {
    asm volatile(
        "ldi r30, lo8(_end)\n\tldi r31, hi8(_end)\n\tldi r24, 0xC5\n\tldi r25, hi8(__stack)\n\trjmp 2f\n"
        "1:\tst Z+, r24\n2:\tcpi r30, lo8(__stack)\n\tcpc r31, r25\n\tbrlo 1b\n\tbreq 1b\n");
}
}

namespace qcot {
namespace hal {
namespace {

// Pins 13 (LED) and 12 (erase) of the boards.
#if defined(__AVR_ATmega32U4__)
#define QCOT_LED_PORT PORTC
#define QCOT_LED_DDR DDRC
#define QCOT_ERASE_PORT PORTD
#define QCOT_ERASE_PIN PIND
constexpr uint8_t kLed = 7;
constexpr uint8_t kErase = 6;
#else
#define QCOT_LED_PORT PORTB
#define QCOT_LED_DDR DDRB
#define QCOT_ERASE_PORT PORTB
#define QCOT_ERASE_PIN PINB
#if defined(__AVR_ATmega2560__)
constexpr uint8_t kLed = 7;
constexpr uint8_t kErase = 6;
#else
constexpr uint8_t kLed = 5;
constexpr uint8_t kErase = 4;
#endif
#endif

constexpr uint8_t kLookMs = 16;  // the LED is looked after so often

bool erase_held() { return !(QCOT_ERASE_PIN & 1 << kErase); }

void* eeprom(uint16_t at) { return reinterpret_cast<void*>(at); }

}  // namespace

void begin(int, char**) {
    power_begin();
    QCOT_LED_DDR |= 1 << kLed;
    QCOT_ERASE_PORT |= 1 << kErase;
#ifdef __AVR_ATmega32U4__
    usb_begin();
#else
    uart_begin();
#endif
    sampler_begin();
    wdt_enable(WDTO_2S);
    sei();
}

#ifdef __AVR_ATmega32U4__
namespace {

// Caterina, the bootloader, stays after a watchdog's reset if it finds this: older ones in the middle of RAM, newer ones at its end.
constexpr uint16_t kBootKey = 0x7777;
constexpr uint16_t kBootKeyAt[] = {0x0800, RAMEND - 1};

[[noreturn]] void start_bootloader() {
    cli();
    for (const uint16_t at : kBootKeyAt) *reinterpret_cast<volatile uint16_t*>(at) = kBootKey;
    wdt_enable(WDTO_15MS);
    for (;;) {
    }
}

}  // namespace

// A port that was closed at 1200 baud, and left so for a moment: some systems open it once more while they are about it.
bool running() {
    constexpr uint16_t kTouchMs = 100;
    static uint16_t untouched_at;
    const uint16_t now = uint16_t(millis());
    if (!usb_touched()) untouched_at = now;
    if (uint16_t(now - untouched_at) >= kTouchMs) start_bootloader();
    return true;
}
#else
bool running() { return true; }
#endif

// The millisecond's interrupt wakes the chip for some cycles and not the program. GPIOR0 lets a simulator tell work from sleep.
void idle(uint16_t ms) {
    if (ms == 0) return;
    if (ms > kLookMs) ms = kLookMs;
    const uint16_t since = uint16_t(millis());
    GPIOR0 = 0;
    SMCR = 1 << SE;  // idle: the clocks of timers, UART and ADC go on
    for (;;) {
        cli();
        if (woken || uint16_t(uint16_t(millis()) - since) >= ms) break;
        sei();  // nothing comes in before the instruction after it
        sleep_cpu();
    }
    woken = 0;
    sei();
    SMCR = 0;
    GPIOR0 = 1;
}

void storage_read(uint16_t at, void* to, uint8_t size) { eeprom_read_block(to, eeprom(at), size); }

void storage_write(uint16_t at, const void* from, uint8_t size) {
    eeprom_update_block(from, eeprom(at), size);
    eeprom_busy_wait();
}

uint32_t image_size() { return reinterpret_cast<uint16_t>(__data_load_end); }

void image_read(uint32_t at, uint8_t* to, uint8_t size) {
    memcpy_P(to, reinterpret_cast<const void*>(uint16_t(at)), size);
}

bool erase_wanted() {
    constexpr uint8_t kHoldMs = 100;
    _delay_ms(1);  // for the pull-up
    for (uint8_t i = 0; i < kHoldMs; ++i) {
        if (!erase_held()) return false;
        _delay_ms(1);
    }
    return true;
}

void led(bool on) {
    if (on) {
        QCOT_LED_PORT |= 1 << kLed;
    } else {
        QCOT_LED_PORT &= uint8_t(~(1 << kLed));
    }
}

uint16_t free_ram() {
    const uint8_t* at = &_end;
    while (at < &__stack && *at == kPaint) ++at;
    return uint16_t(at - &_end);
}

}  // namespace hal
}  // namespace qcot

#endif
