// The line of a board whose chip is a USB device itself (ATmega32U4): a CDC ACM serial port, in the place of a UART.
#pragma once

namespace qcot {
namespace hal {

// Attaches to the bus; a host sees the port some hundred milliseconds later.
void usb_begin();

// Moves what waits to be sent. Call it once a turn.
void usb_poll();

// A host set 1200 baud and closed the port, and left it so: it wants the bootloader.
bool usb_touched();

}  // namespace hal
}  // namespace qcot
