#ifdef __AVR_ATmega32U4__

#include "hal/usb/cdc.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>

#include "hal/arduino/sampler.h"
#include "hal/critical.h"
#include "hal/hal.h"

// Of our own and not the Arduino core's: its interrupt waits for the host in the middle of a control transfer, and no sample would be
// taken meanwhile; its write waits too, on a timer that is not ours. An interrupt leaves UENUM as it was. Here nothing waits: what goes to the host in several packets is
// gone on with when the host has taken one. Chapters of the USB 2.0 specification are named 9.x, of CDC PSTN 1.2 6.x, of the
// ATmega32U4's data sheet 22.x.

namespace qcot {
namespace hal {
namespace {

enum Endpoint : uint8_t { kControl = 0, kNotify = 1, kOut = 2, kIn = 3 };
constexpr uint8_t kPacket = 64;
constexpr uint8_t kOne64 = 0x32, kTwo64 = 0x36, kOne16 = 0x12;  // UECFG1X: size, banks, allocated
constexpr uint8_t kTypeControl = 0x00, kTypeInterruptIn = 0xC1, kTypeBulkOut = 0x80, kTypeBulkIn = 0x81;

// UEINTX has flags that are cleared by a 0 and left alone by a 1.
constexpr uint8_t cleared(uint8_t flags) { return uint8_t(~flags); }
constexpr uint8_t kSent = 1 << TXINI | 1 << FIFOCON;
constexpr uint8_t kTaken = 1 << RXOUTI | 1 << FIFOCON;

constexpr uint8_t lo(uint16_t x) { return uint8_t(x); }
constexpr uint8_t hi(uint16_t x) { return uint8_t(x >> 8); }
constexpr uint16_t kVendor = 0x2341, kProduct = 0x8036;  // what a Leonardo is, so that upload tools know it

const uint8_t kDevice[] PROGMEM = {
    18, 1, 0x00, 0x02, 0xEF, 0x02, 0x01, kPacket,  // 9.6.1; functions are told by interface associations
    lo(kVendor), hi(kVendor), lo(kProduct), hi(kProduct), 0x00, 0x01, 1, 2, 0, 1,
};

constexpr uint8_t kConfigurationSize = 9 + 8 + 9 + 5 + 5 + 4 + 5 + 7 + 9 + 7 + 7;
const uint8_t kConfiguration[] PROGMEM = {
    9, 2, kConfigurationSize, 0, 2, 1, 0, 0x80, 250,      // two interfaces, bus power, 500 mA
    8, 11, 0, 2, 2, 2, 1, 0,                              // they belong together
    9, 4, 0, 0, 1, 2, 2, 1, 0,                            // communications, abstract control model
    5, 0x24, 0, 0x10, 0x01,                               // header: CDC 1.10
    5, 0x24, 1, 0, 1,                                     // call management: none
    4, 0x24, 2, 2,                                        // line coding and line state
    5, 0x24, 6, 0, 1,                                     // union
    7, 5, 0x80 | kNotify, 3, 16, 0, 64,
    9, 4, 1, 0, 2, 10, 0, 0, 0,                           // data
    7, 5, kOut, 2, kPacket, 0, 0,
    7, 5, 0x80 | kIn, 2, kPacket, 0, 0,
};
static_assert(sizeof kConfiguration == kConfigurationSize, "it says its own size");

const uint8_t kLanguage[] PROGMEM = {4, 3, 0x09, 0x04};
const uint8_t kMaker[] PROGMEM = {22, 3, 'A', 0, 'r', 0, 'd', 0, 'u', 0, 'i', 0, 'n', 0, 'o', 0, ' ', 0, 'L', 0, 'L', 0};
const uint8_t kName[] PROGMEM = {
    34, 3, 'A', 0, 'r', 0, 'd', 0, 'u', 0, 'i', 0, 'n', 0, 'o', 0, ' ', 0, 'L', 0, 'e', 0, 'o', 0, 'n', 0, 'a', 0, 'r', 0, 'd', 0, 'o', 0,
};

const struct Descriptor {
    uint8_t type, index;
    const uint8_t* data;
    uint8_t size;
} kDescriptors[] PROGMEM = {
    {1, 0, kDevice, sizeof kDevice},     {2, 0, kConfiguration, sizeof kConfiguration}, {3, 0, kLanguage, sizeof kLanguage},
    {3, 1, kMaker, sizeof kMaker},       {3, 2, kName, sizeof kName},
};

struct Setup {
    uint8_t type, request;
    uint8_t value, value_high;
    uint16_t index, length;
};
static_assert(sizeof(Setup) == 8, "9.3");

struct LineCoding {
    uint32_t baud;
    uint8_t stop, parity, bits;
};
constexpr uint32_t kTouchBaud = 1200;

volatile bool configured;
volatile bool listened;  // DTR
volatile bool greets;    // the host has just opened the port
volatile LineCoding coding = {500000, 0, 0, 8};

// What a control transfer still has to send, from flash, and what it ends with.
const uint8_t* answer;
uint8_t answer_left;
bool answers;       // a packet is to follow, perhaps an empty one
uint8_t address;    // to be taken when the host has heard of it; 0: none
bool takes_coding;  // the next packet is a LineCoding

const uint8_t* out;
uint8_t out_left;
bool out_full;  // the last packet was: an empty one says that it was the last

void stall() { UECONX = 1 << STALLRQ | 1 << EPEN; }

void acknowledge() { UEINTX = cleared(1 << TXINI); }

// The control endpoint's bank is free: the next packet of the answer.
void go_on() {
    if (!answers) {
        if (address) UDADDR = uint8_t(1 << ADDEN | address);
        address = 0;
        UEIENX &= uint8_t(~(1 << TXINE));
        return;
    }
    uint8_t size = answer_left < kPacket ? answer_left : kPacket;
    answer_left = uint8_t(answer_left - size);
    answers = size == kPacket;
    while (size--) UEDATX = pgm_read_byte(answer++);
    acknowledge();
}

void begin_answer(const uint8_t* data, uint8_t size, uint16_t wanted) {
    answer = data;
    answer_left = wanted < size ? uint8_t(wanted) : size;
    // An answer as long as what was wanted ends with it; a shorter one with a packet that is not full (9.4.11, 8.5.3.2).
    answers = true;
    go_on();
    if (answer_left == 0 && wanted <= size) answers = false;
    UEIENX |= 1 << TXINE;
}

void say(uint8_t byte) { UEDATX = byte; }

bool describe(const Setup& setup) {
    for (const Descriptor& one : kDescriptors) {
        if (pgm_read_byte(&one.type) != setup.value_high || pgm_read_byte(&one.index) != setup.value) continue;
        begin_answer(reinterpret_cast<const uint8_t*>(pgm_read_word(&one.data)), pgm_read_byte(&one.size), setup.length);
        return true;
    }
    return false;
}

void make(uint8_t endpoint, uint8_t type, uint8_t memory) {
    UENUM = endpoint;
    UECONX = 1 << EPEN;
    UECFG0X = type;
    UECFG1X = memory;
}

void set_configuration(uint8_t number) {
    make(kNotify, kTypeInterruptIn, kOne16);
    make(kOut, kTypeBulkOut, kTwo64);
    make(kIn, kTypeBulkIn, kTwo64);
    UERST = 1 << kNotify | 1 << kOut | 1 << kIn;
    UERST = 0;
    UENUM = kOut;
    UEIENX = 1 << RXOUTE;
    UENUM = kControl;
    out_left = 0;
    out_full = false;
    configured = number != 0;
}

// 9.4 and CDC 6.3. True if the request was answered or will be; false: it is none that this device knows.
bool take(const Setup& setup) {
    switch (uint16_t(uint16_t(setup.type) << 8 | setup.request)) {
        case 0x8000: case 0x8100: case 0x8200:  // GET_STATUS: bus power, nothing halted
            say(0);
            say(0);
            break;
        case 0x8008:  // GET_CONFIGURATION
            say(configured);
            break;
        case 0x810A:  // GET_INTERFACE
            say(0);
            break;
        case 0xA121:  // GET_LINE_CODING
            for (uint8_t i = 0; i < sizeof coding; ++i) say(reinterpret_cast<const volatile uint8_t*>(&coding)[i]);
            break;
        case 0x8006:  // GET_DESCRIPTOR
            return describe(setup);
        case 0x0005:  // SET_ADDRESS
            UDADDR = setup.value & 0x7F;
            address = setup.value & 0x7F;
            UEIENX |= 1 << TXINE;
            break;
        case 0x0009:  // SET_CONFIGURATION
            if (setup.value > 1) return false;
            set_configuration(setup.value);
            break;
        case 0x0001: case 0x0003: case 0x0201: case 0x010B: case 0x2123:  // features, SET_INTERFACE, SEND_BREAK: nothing to do
            break;
        case 0x2120:  // SET_LINE_CODING: it comes in the next packet
            if (setup.length != sizeof coding) return false;
            takes_coding = true;
            UEIENX |= 1 << RXOUTE;
            return true;
        case 0x2122: {  // SET_CONTROL_LINE_STATE
            const bool dtr = setup.value & 1;
            greets = greets || (dtr && !listened);
            listened = dtr;
            break;
        }
        default:
            return false;
    }
    acknowledge();
    return true;
}

void take_setup() {
    Setup setup;
    for (uint8_t i = 0; i < sizeof setup; ++i) reinterpret_cast<uint8_t*>(&setup)[i] = UEDATX;
    answers = takes_coding = false;
    address = 0;
    UEIENX = 1 << RXSTPE;
    UEINTX = cleared(1 << RXSTPI | 1 << RXOUTI);
    // The bank is free for the answer some cycles later.
    for (uint8_t i = 0; i != 255 && !(UEINTX & 1 << TXINI); ++i) {
    }
    if (!take(setup)) stall();
}

void take_out() {
    if (takes_coding) {
        for (uint8_t i = 0; i < sizeof coding; ++i) reinterpret_cast<volatile uint8_t*>(&coding)[i] = UEDATX;
        takes_coding = false;
        UEINTX = cleared(1 << RXOUTI);
        acknowledge();
    } else {
        UEINTX = cleared(1 << RXOUTI);  // the host has the answer
    }
}

}  // namespace

void usb_begin() {
    static_assert(F_CPU == 16000000, "the PLL's divider");
    UHWCON = 1 << UVREGE;
    USBCON = 1 << USBE | 1 << FRZCLK;
    PLLCSR = 1 << PINDIV | 1 << PLLE;
    while (!(PLLCSR & 1 << PLOCK)) {
    }
    USBCON = 1 << USBE | 1 << OTGPADE;
    UDCON = 0;  // attached, full speed
    UDIEN = 1 << EORSTE;
}

void usb_poll() {
    if (!configured) return;
    UENUM = kIn;
    if (!listened) {
        out_left = 0;
        out_full = false;
        return;
    }
    if (greets) {
        if (!(UEINTX & 1 << RWAL)) return;
        greets = false;
        UEDATX = 0;  // the delimiter that makes a receiver listen
        UEINTX = cleared(kSent);
    }
    while ((out_left || out_full) && UEINTX & 1 << RWAL) {
        uint8_t size = out_left < kPacket ? out_left : kPacket;
        out_left = uint8_t(out_left - size);
        out_full = size == kPacket;
        while (size--) UEDATX = *out++;
        UEINTX = cleared(kSent);
    }
    if (out_left || out_full) UEIENX = 1 << TXINE;
}

bool usb_touched() {
    const Critical guard;
    return coding.baud == kTouchBaud && !listened;
}

int16_t serial_read() {
    if (!configured) return -1;
    UENUM = kOut;
    const bool any = UEBCLX != 0;
    const int16_t byte = any ? int16_t(UEDATX) : int16_t(-1);
    if (!UEBCLX && UEINTX & 1 << RXOUTI) {
        UEINTX = cleared(kTaken);
        UEIENX = 1 << RXOUTE;
    }
    if (any) stir(TCNT1L);
    return byte;
}

bool serial_idle() {
    usb_poll();
    return out_left == 0;
}

void serial_send(const uint8_t* data, uint16_t size) {
    if (!configured || !listened) return;  // said to nobody
    out = data;
    out_left = uint8_t(size);
    usb_poll();
}

}  // namespace hal
}  // namespace qcot

using namespace qcot::hal;

ISR(USB_GEN_vect) {
    const uint8_t flags = UDINT;
    UDINT = 0;
    if (!(flags & 1 << EORSTI)) return;
    const uint8_t selected = UENUM;
    make(kControl, kTypeControl, kOne64);
    UEIENX = 1 << RXSTPE;
    UENUM = selected;
    configured = listened = false;
}

ISR(USB_COM_vect) {
    const uint8_t selected = UENUM;
    UENUM = kControl;
    if (UEINTX & 1 << RXSTPI) {
        take_setup();
    } else {
        if (UEINTX & 1 << RXOUTI) take_out();
        if (UEIENX & 1 << TXINE && UEINTX & 1 << TXINI) go_on();
    }
    // What the main loop waits for: a command, or room for the rest of a frame. It looks after both.
    for (uint8_t endpoint = kOut; endpoint <= kIn; ++endpoint) {
        UENUM = endpoint;
        if (!(UEINTX & UEIENX & (1 << RXOUTI | 1 << TXINI))) continue;
        UEIENX = 0;
        woken = 1;
    }
    UENUM = selected;
}

#endif
