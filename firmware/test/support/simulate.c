/* simulate MCU ELF: runs a program of the tests in simavr until it sleeps with interrupts off, and prints what it says on its
 * UART. Half the work of simavr's own program, which looks at its timers after each instruction; the cycles are the same. */
#include <stdio.h>

#include "avr_uart.h"
#include "sim_avr.h"
#include "sim_elf.h"

enum { RUN_LIMIT = 4096 }; /* cycles without a look, where no timer is due before */

static void on_output(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq, (void)param;
    putchar((int)value);
}

static void only_errors(avr_t *avr, const int level, const char *format, va_list arguments) {
    (void)avr;
    if (level == LOG_ERROR) vfprintf(stderr, format, arguments);
}

int main(int argc, char **argv) {
    elf_firmware_t program = {0};
    avr_global_logger_set(only_errors);
    avr_t *avr = argc == 3 ? avr_make_mcu_by_name(argv[1]) : NULL;
    if (!avr || elf_read_firmware(argv[2], &program)) return fputs("usage: simulate MCU ELF\n", stderr), 2;
    avr_init(avr);
    avr_load_firmware(avr, &program);
    avr->frequency = 16000000;
    avr->run_cycle_limit = RUN_LIMIT;
    uint32_t flags = 0; /* no printing of lines, no naps */
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_output, NULL);
    int state;
    do state = avr_run(avr);
    while (state != cpu_Done && state != cpu_Crashed);
    return state == cpu_Crashed;
}
