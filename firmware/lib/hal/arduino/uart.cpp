#ifdef __AVR__

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

constexpr uint32_t kBaud = 250000;
static_assert(F_CPU % (16 * kBaud) == 0, "the rate is exact");

// A host waits for the answer to each command, so one command of at most 66 bytes is all that comes while the board is busy;
// twice that is kept.
constexpr uint8_t kRing = 128;
volatile uint8_t ring[kRing];
volatile uint8_t head, tail;

const uint8_t* volatile out;
volatile uint16_t out_left;

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
    if (head == tail) return -1;
    const uint8_t byte = ring[tail];
    tail = uint8_t((tail + 1) % kRing);
    return byte;
}

bool serial_idle() { return !(UCSR0B & 1 << UDRIE0); }

void serial_send(const uint8_t* data, uint16_t size) {
    const Critical guard;
    out = data;
    out_left = size;
    UCSR0B |= 1 << UDRIE0;
}

}  // namespace hal
}  // namespace qcot

using namespace qcot::hal;

ISR(USART_RX_vect) {
    const uint8_t byte = UDR0;
    stir(TCNT1L);
    const uint8_t next = uint8_t((head + 1) % kRing);
    if (next == tail) return;  // the frame that misses a byte is noise
    ring[head] = byte;
    head = next;
}

ISR(USART_UDRE_vect) {
    UDR0 = *out;
    out = out + 1;
    out_left = uint16_t(out_left - 1);
    if (out_left == 0) UCSR0B &= uint8_t(~(1 << UDRIE0));
}

#endif
