/* Runs each instruction word on simavr's core and on ours, from the same random states: what is left must be the same.
 * Then random words in a row, as long as simavr goes on by itself. `core-test MCU ROUNDS`; status 1 at a difference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avr_uart.h"
#include "core.h"
#include "sim_core.h"
#include "sim_io.h"

enum { ALL = (1 << 24) + 4, PROGRAM = 0x200, WORDS = 24, MOST_CYCLES = 24 };

static uint64_t noise = 88172645463325252u;

static uint32_t any(uint32_t below) {
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    return (uint32_t)(noise >> 32) % below;
}

static void silent(avr_t *avr, const int level, const char *format, va_list arguments) {
    (void)avr, (void)level, (void)format, (void)arguments;
}

static avr_t *make(const char *mcu) {
    avr_t *avr = avr_make_mcu_by_name(mcu);
    if (!avr) exit(2);
    avr_init(avr);
    /* simavr reports an address that is not there, and uses it. */
    uint8_t *data = calloc(1, ALL), *flash = calloc(1, ALL);
    if (!data || !flash) exit(2);
    memcpy(flash, avr->flash, avr->flashend + 1u);
    avr->data = data;
    avr->flash = flash;
    uint32_t flags = 0;  /* what is sent is not printed */
    for (char name = '0'; name < '4'; name++) avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS(name), &flags);
    return avr;
}

/* A pointer into RAM most of the time, else anywhere. */
static uint16_t address(const avr_t *avr) { return (uint16_t)(any(4) ? 0x100 + any(avr->ramend - 0xff) : any(1 << 16)); }

static void put(avr_t *avr, unsigned at, uint16_t value) {
    avr->data[at] = (uint8_t)value;
    avr->data[at + 1] = (uint8_t)(value >> 8);
}

static void same_start(avr_t *ours, avr_t *theirs, uint16_t op, unsigned cycles) {
    for (unsigned i = 0; i < 2 * WORDS; i++) ours->flash[PROGRAM + i] = (uint8_t)any(256);
    ours->flash[PROGRAM] = (uint8_t)op;
    ours->flash[PROGRAM + 1] = (uint8_t)(op >> 8);
    const uint16_t second = address(ours);
    ours->flash[PROGRAM + 2] = (uint8_t)second;
    ours->flash[PROGRAM + 3] = (uint8_t)(second >> 8);
    for (unsigned i = 0; i < 32; i++) ours->data[i] = (uint8_t)any(256);
    for (unsigned i = 26; i < 32; i += 2) put(ours, i, address(ours));
    put(ours, R_SPL, address(ours));
    for (unsigned i = 0; i < 8; i++) ours->sreg[i] = (uint8_t)any(2);
    ours->pc = any(64) ? PROGRAM : ours->flashend - 1u;
    ours->state = cpu_Running;
    ours->interrupt_state = any(16) ? 0 : ours->sreg[S_I] ? 1 : -1;
    ours->run_cycle_count = cycles;
    memcpy(theirs->flash + PROGRAM, ours->flash + PROGRAM, 2 * WORDS);
    memcpy(theirs->data, ours->data, 1 << 16);
    memcpy(theirs->sreg, ours->sreg, sizeof ours->sreg);
    theirs->pc = ours->pc;
    theirs->state = ours->state;
    theirs->interrupt_state = ours->interrupt_state;
    theirs->run_cycle_count = ours->run_cycle_count;
}

static const char *difference(const avr_t *ours, const avr_t *theirs) {
    if (ours->cycle != theirs->cycle) return "cycles";
    if (ours->pc != theirs->pc) return "the last program counter";
    if (ours->state != theirs->state) return "the state";
    if (ours->interrupt_state != theirs->interrupt_state) return "the interrupts' state";
    const struct avr_cycle_timer_slot_t *here = ours->cycle_timers.timer, *there = theirs->cycle_timers.timer;
    for (; here && there && here->when == there->when && here->timer == there->timer; here = here->next) there = there->next;
    if (here || there) return "the timers";
    if (memcmp(ours->sreg, theirs->sreg, sizeof ours->sreg)) return "the flags";
    if (memcmp(ours->data, theirs->data, 1 << 16)) return "registers or memory";
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    avr_global_logger_set(silent);
    avr_t *ours = make(argv[1]), *theirs = make(argv[1]);
    unsigned long compared = 0;
    for (int round = 0, rounds = atoi(argv[2]); round < rounds; round++)
        for (unsigned op = 0; op < 1 << 16; op++, compared++) {
            same_start(ours, theirs, (uint16_t)op, round % 2 ? MOST_CYCLES : 1);
            avr_flashaddr_t next = __wrap_avr_run_one(ours), expected = __real_avr_run_one(theirs);
            const char *what = next == expected ? difference(ours, theirs) : "the next program counter";
            if (!what) continue;
            printf("%s: after %04x, within %llu cycles: not the same: %s\n", argv[1], op, (unsigned long long)(round % 2 ? MOST_CYCLES : 1), what);
            return 1;
        }
    printf("%lu\n", compared);
    return 0;
}
