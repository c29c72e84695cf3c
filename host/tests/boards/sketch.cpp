// A program for the tests of the emulator: no Arduino, no firmware of ours, just what they ask the chip for.
//
// It speaks at 250,000 baud. At boot, it writes 0xAA to EEPROM byte 6 if byte 7 is 1; then it says 'B', MCUSR, and what pin D12 reads with its pull-up. Then, a command a byte:
//   e N ...N bytes   echo N bytes
//   a M              convert with ADMUX = M; answers low byte, high byte
//   c                convert A0 against AVCC 2,500 times; answers each
//   w AL AH V        write an EEPROM byte, wait for it; answers 'w'
//   r AL AH          read an EEPROM byte; answers it
//   s                say 'S' and sleep for good, interrupts on
//   h                write beyond the RAM, which crashes the simulated core
//   H                the same, under the watchdog
//   q                sleep for good, interrupts off
//   d                let the watchdog bite
//   f                send 0..255 without an end
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#if defined(__AVR_ATmega2560__)
#define D12 PB6
#define LED PB7
#else
#define D12 PB4
#define LED PB5
#endif

static uint8_t cause __attribute__((section(".noinit")));

// The watchdog stays on after it bit, at its shortest.
extern "C" void stop_watchdog() __attribute__((naked, used, section(".init3")));
void stop_watchdog() {
    cause = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

static void send(uint8_t byte) {
    while (!(UCSR0A & _BV(UDRE0))) {
    }
    UDR0 = byte;
}

static uint8_t receive() {
    while (!(UCSR0A & _BV(RXC0))) {
    }
    return UDR0;
}

static uint8_t* address() {
    uint8_t low = receive();
    return reinterpret_cast<uint8_t*>(low | receive() << 8);
}

static void convert(uint8_t admux) {
    ADMUX = admux;
    ADCSRA = _BV(ADEN) | _BV(ADSC) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    while (ADCSRA & _BV(ADSC)) {
    }
    uint16_t value = ADC;
    send(uint8_t(value));
    send(uint8_t(value >> 8));
}

int main() {
    UBRR0 = 3;  // 250,000 baud
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0);
    DDRB |= _BV(LED);
    PORTB |= _BV(LED) | _BV(D12);
    if (eeprom_read_byte(reinterpret_cast<uint8_t*>(7)) == 1) {
        eeprom_write_byte(reinterpret_cast<uint8_t*>(6), 0xAA);
        eeprom_busy_wait();
    }
    send('B');
    send(cause);
    send(PINB >> D12 & 1);
    for (;;) switch (receive()) {
            case 'e':
                for (uint8_t left = receive(); left; left--) send(receive());
                break;
            case 'a':
                convert(receive());
                break;
            case 'c':
                for (uint16_t left = 2500; left; left--) convert(_BV(REFS0));
                break;
            case 'w': {
                GPIOR0 = 1;
                uint8_t* at = address();
                eeprom_write_byte(at, receive());
                eeprom_busy_wait();
                GPIOR0 = 2;
                send('w');
                break;
            }
            case 'r':
                send(eeprom_read_byte(address()));
                break;
            case 's':
                send('S');
                sei();
                for (;;) sleep_mode();
            case 'H':
                wdt_enable(WDTO_15MS);
                // fall through
            case 'h':
                *reinterpret_cast<volatile uint8_t*>(RAMEND + 256) = 1;
                break;
            case 'q':
                cli();
                sleep_mode();
                break;
            case 'd':
                wdt_enable(WDTO_15MS);
                for (;;) {
                }
            case 'f':
                for (uint8_t byte = 0;; byte++) send(byte);
        }
}
