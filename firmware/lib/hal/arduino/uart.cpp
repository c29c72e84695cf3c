#if defined(__AVR__) && !defined(__AVR_ATmega32U4__)

#include "hal/arduino/uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#include "hal/arduino/sampler.h"
#include "hal/critical.h"
#include "hal/hal.h"

#ifndef USART_RX_vect
#define USART_RX_vect USART0_RX_vect
#define USART_UDRE_vect USART0_UDRE_vect
#endif

namespace qcot {
namespace hal {
namespace {

constexpr uint32_t kBaud = 500000;
static_assert(F_CPU % (16 * kBaud) == 0, "the rate is exact");

// A host waits for the answer to each command, so what comes while the board is busy is one command of at most 66 bytes and
// an ACK of 30 that was on its way.
constexpr uint8_t kRing = 104;
volatile uint8_t ring[kRing];
volatile uint8_t head, tail;

const uint8_t* volatile out;
volatile uint8_t out_left;  // no board's frame is longer than 189 bytes

uint8_t after(uint8_t at) { return uint8_t(at + 1) == kRing ? uint8_t(0) : uint8_t(at + 1); }

}  // namespace

void uart_begin() {
    UBRR0 = F_CPU / 16 / kBaud - 1;
    UCSR0A = 0;
    UCSR0C = 1 << UCSZ01 | 1 << UCSZ00;
    UCSR0B = 1 << RXEN0 | 1 << TXEN0 | 1 << RXCIE0;
    // The delimiter that makes a receiver listen.
    static const uint8_t delimiter = 0;
    serial_send(&delimiter, 1);
}

int16_t serial_read() {
    const uint8_t at = tail;
    if (head == at) return -1;
    const uint8_t byte = ring[at];
    tail = after(at);
    return byte;
}

bool serial_idle() { return !(UCSR0B & 1 << UDRIE0); }

void serial_send(const uint8_t* data, uint16_t size) {
    const Critical guard;
    out = data;
    out_left = uint8_t(size);
    UCSR0B |= 1 << UDRIE0;
}

}  // namespace hal
}  // namespace qcot

using namespace qcot::hal;

ISR(USART_RX_vect) {
    const uint8_t byte = UDR0;
    stir(TCNT1L);
    woken = 1;
    const uint8_t at = head, next = after(at);
    if (next == tail) return;  // the frame that misses a byte is noise
    ring[at] = byte;
    head = next;
}

ISR(USART_UDRE_vect) {
    const uint8_t* const at = out;
    UDR0 = *at;
    out = at + 1;
    const uint8_t left = uint8_t(out_left - 1);
    out_left = left;
    if (left) return;
    UCSR0B &= uint8_t(~(1 << UDRIE0));
    woken = 1;
}

#endif
