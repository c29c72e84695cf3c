// The UART of an AVR, by interrupts: received bytes wait in a ring, a frame is sent from where it lies.
#pragma once

namespace qcot {
namespace hal {

void uart_begin();

}  // namespace hal
}  // namespace qcot
