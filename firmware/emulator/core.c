#include "core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "fail.h"
#include "sim_core.h"
#include "sim_io.h"

enum { C = 1, Z = 2, N = 4, V = 8, S = 16, H = 32, T = 64, I = 128 };  /* SREG */
enum { POINTER_X = 26, POINTER_Y = 28, POINTER_Z = 30 };
enum { RAM = 31 + MAX_IOs };  /* from here on, simavr asks nobody about an address */

#define INLINED static inline __attribute__((always_inline))  /* or the chip's state would go through memory */

/* AVR Instruction Set Manual; what is not here is rare, and simavr's. */
enum kind {
    UNKNOWN, OTHER, NOP, MOVW, CPC, SBC, ADD, CPSE, CP, SUB, ADC, AND, EOR, OR, MOV, CPI, SBCI, SUBI, ORI, ANDI, LDI,
    LDD_Y, LDD_Z, STD_Y, STD_Z, LD_X, LD_Y, LD_Z, ST_X, ST_Y, ST_Z, LDS, STS, LPM, POP, PUSH, IN, OUT, SBI, CBI, SBIC, SBIS,
    COM, NEG, SWAP, INC, ASR, LSR, ROR, DEC, ADIW, SBIW, MUL, BSET, BCLR, BST, BLD, SBRC, SBRS, BRBS, BRBC,
    RJMP, RCALL, JMP, CALL, IJMP, ICALL, RET,
};

static const struct { uint16_t mask, bits; uint8_t kind; } PATTERNS[] = {
    {0xffff, 0x0000, NOP}, {0xff00, 0x0100, MOVW}, {0xfc00, 0x0400, CPC}, {0xfc00, 0x0800, SBC}, {0xfc00, 0x0c00, ADD},
    {0xfc00, 0x1000, CPSE}, {0xfc00, 0x1400, CP}, {0xfc00, 0x1800, SUB}, {0xfc00, 0x1c00, ADC}, {0xfc00, 0x2000, AND},
    {0xfc00, 0x2400, EOR}, {0xfc00, 0x2800, OR}, {0xfc00, 0x2c00, MOV}, {0xf000, 0x3000, CPI}, {0xf000, 0x4000, SBCI},
    {0xf000, 0x5000, SUBI}, {0xf000, 0x6000, ORI}, {0xf000, 0x7000, ANDI}, {0xf000, 0xe000, LDI},
    {0xd208, 0x8008, LDD_Y}, {0xd208, 0x8000, LDD_Z}, {0xd208, 0x8208, STD_Y}, {0xd208, 0x8200, STD_Z},
    {0xfe0f, 0x900c, LD_X}, {0xfe0f, 0x900d, LD_X}, {0xfe0f, 0x900e, LD_X}, {0xfe0f, 0x9009, LD_Y}, {0xfe0f, 0x900a, LD_Y},
    {0xfe0f, 0x9001, LD_Z}, {0xfe0f, 0x9002, LD_Z}, {0xfe0f, 0x920c, ST_X}, {0xfe0f, 0x920d, ST_X}, {0xfe0f, 0x920e, ST_X},
    {0xfe0f, 0x9209, ST_Y}, {0xfe0f, 0x920a, ST_Y}, {0xfe0f, 0x9201, ST_Z}, {0xfe0f, 0x9202, ST_Z},
    {0xfe0f, 0x9000, LDS}, {0xfe0f, 0x9200, STS}, {0xfe0e, 0x9004, LPM}, {0xfe0f, 0x900f, POP}, {0xfe0f, 0x920f, PUSH},
    {0xf800, 0xb000, IN}, {0xf800, 0xb800, OUT}, {0xff00, 0x9800, CBI}, {0xff00, 0x9900, SBIC}, {0xff00, 0x9a00, SBI},
    {0xff00, 0x9b00, SBIS}, {0xff8f, 0x9408, BSET}, {0xff8f, 0x9488, BCLR}, {0xffff, 0x9409, IJMP}, {0xffff, 0x9509, ICALL},
    {0xffff, 0x9508, RET}, {0xfe0f, 0x9400, COM}, {0xfe0f, 0x9401, NEG}, {0xfe0f, 0x9402, SWAP}, {0xfe0f, 0x9403, INC},
    {0xfe0f, 0x9405, ASR}, {0xfe0f, 0x9406, LSR}, {0xfe0f, 0x9407, ROR}, {0xfe0f, 0x940a, DEC}, {0xfe0e, 0x940c, JMP},
    {0xfe0e, 0x940e, CALL}, {0xff00, 0x9600, ADIW}, {0xff00, 0x9700, SBIW}, {0xfc00, 0x9c00, MUL}, {0xfe08, 0xfa00, BST},
    {0xfe08, 0xf800, BLD}, {0xfe08, 0xfc00, SBRC}, {0xfe08, 0xfe00, SBRS}, {0xfc00, 0xf000, BRBS}, {0xfc00, 0xf400, BRBC},
    {0xf000, 0xc000, RJMP}, {0xf000, 0xd000, RCALL},
};

/* The instruction at an address as it was found there last: `a` is the first operand, or the only one, `b` the second. */
struct decoded { uint16_t op; uint8_t kind, a, b; };

static struct decoded decode(uint16_t op) {
    const uint8_t d = op >> 4 & 31, r = (uint8_t)((op >> 5 & 16) | (op & 15)), bit = (uint8_t)(1 << (op & 7));
    struct decoded found = {op, OTHER, d, r};
    for (size_t i = 0; i < sizeof PATTERNS / sizeof *PATTERNS && found.kind == OTHER; i++)
        if ((op & PATTERNS[i].mask) == PATTERNS[i].bits) found.kind = PATTERNS[i].kind;
    switch (found.kind) {
        case MOVW: found.a = op >> 3 & 30, found.b = (uint8_t)(2 * (op & 15)); break;
        case CPI: case SBCI: case SUBI: case ORI: case ANDI: case LDI:
            found.a = (uint8_t)(16 + (op >> 4 & 15)), found.b = (uint8_t)((op >> 4 & 0xf0) | (op & 15)); break;
        case LDD_Y: case LDD_Z: case STD_Y: case STD_Z: found.b = (uint8_t)((op >> 8 & 0x20) | (op >> 7 & 0x18) | (op & 7)); break;
        case IN: case OUT: found.b = (uint8_t)(32 + ((op >> 5 & 0x30) | (op & 15))); break;
        case SBI: case CBI: case SBIC: case SBIS: found.a = (uint8_t)(32 + (op >> 3 & 31)), found.b = bit; break;
        case ADIW: case SBIW: found.a = (uint8_t)(24 + (op >> 3 & 6)), found.b = (uint8_t)((op >> 2 & 0x30) | (op & 15)); break;
        case BSET: case BCLR: found.b = (uint8_t)(1 << (op >> 4 & 7)); break;
        case BST: case BLD: case SBRC: case SBRS: case BRBS: case BRBC: found.b = bit; break;
        default: break;
    }
    return found;
}

/* ---- registers of the chip's modules, as simavr has them asked and told ---- */

static uint8_t pack(const avr_t *avr) {
    uint8_t sreg = 0;
    for (int i = 0; i < 8; i++) sreg |= (uint8_t)(avr->sreg[i] << i);
    return sreg;
}

/* Whoever follows a register hears of it when it is read, too. */
static void tell(avr_t *avr, uint16_t at, uint8_t value) {
    avr_irq_t *irq = avr->io[AVR_DATA_TO_IO(at)].irq;
    if (!irq) return;
    avr_raise_irq(irq + AVR_IOMEM_IRQ_ALL, value);
    for (int i = 0; i < 8; i++) avr_raise_irq(irq + i, value >> i & 1);
}

static __attribute__((noinline)) uint8_t io_read(avr_t *avr, uint16_t at) {
    const uint16_t io = AVR_DATA_TO_IO(at);
    if (at == R_SREG) return avr->data[at] = pack(avr);
    if (avr->io[io].r.c) avr->data[at] = avr->io[io].r.c(avr, at, avr->io[io].r.param);
    tell(avr, at, avr->data[at]);
    return avr->data[at];
}

static __attribute__((noinline)) void io_write(avr_t *avr, uint16_t at, uint8_t value) {
    const uint16_t io = AVR_DATA_TO_IO(at);
    if (at == R_SREG) SET_SREG_FROM(avr, value);
    if (avr->io[io].w.c) avr->io[io].w.c(avr, at, value, avr->io[io].w.param);
    else avr->data[at] = value;
    tell(avr, at, value);
}

/* ---- what of the chip is kept in registers of this machine while it runs ---- */

struct core {
    avr_t *avr;
    uint8_t *data;
    avr_flashaddr_t pc;
    avr_cycle_count_t given, left;  /* cycles until simavr looks at its timers: at the last look at `avr`, and now */
    uint8_t sreg;
};

INLINED void take(struct core *core) {
    bool goes_on = core->avr->state == cpu_Running && !core->avr->interrupt_state;
    core->given = core->left = goes_on ? core->avr->run_cycle_count : 0;
    core->sreg = pack(core->avr);
}

INLINED void give(const struct core *core) {
    avr_t *avr = core->avr;
    avr->pc = core->pc;
    avr->cycle += core->given - core->left;
    avr->run_cycle_count = core->left;
    for (int i = 0; i < 8; i++) avr->sreg[i] = core->sreg >> i & 1;
}

INLINED uint8_t load(struct core *core, unsigned at) {
    if (at < 32 || at >= RAM) return core->data[at];
    give(core);
    uint8_t value = io_read(core->avr, (uint16_t)at);
    take(core);
    return value;
}

INLINED void store(struct core *core, unsigned at, uint8_t value) {
    if (at < 32 || at >= RAM) {
        core->data[at] = value;
        return;
    }
    give(core);
    io_write(core->avr, (uint16_t)at, value);
    take(core);
}

INLINED uint16_t word(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

INLINED void put_word(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

/* ---- flags ---- */

/* Of a result, where nothing overflowed; an overflow turns both V and S. */
INLINED uint8_t zns(uint8_t result) { return (uint8_t)((result ? 0 : Z) | (result >> 5 & N) | (result >> 3 & S)); }
INLINED uint8_t vs(uint8_t overflow) { return (uint8_t)((overflow >> 7) * (V | S)); }

INLINED void logic(struct core *core, uint8_t result) { core->sreg = (uint8_t)((core->sreg & (I | T | H | C)) | zns(result)); }

INLINED uint8_t sum(struct core *core, uint8_t a, uint8_t b, unsigned carry) {
    uint8_t r = (uint8_t)(a + b + carry), carries = (uint8_t)((a & b) | ((a | b) & ~r));
    core->sreg = (uint8_t)((core->sreg & (I | T)) | carries >> 7 | (carries << 2 & H) | (zns(r) ^ vs((a ^ r) & (b ^ r))));
    return r;
}

INLINED uint8_t difference(struct core *core, uint8_t a, uint8_t b, unsigned carry) {
    uint8_t r = (uint8_t)(a - b - carry), borrows = (uint8_t)((~a & b) | ((~a | b) & r));
    core->sreg = (uint8_t)((core->sreg & (I | T)) | borrows >> 7 | (borrows << 2 & H) | (zns(r) ^ vs((a ^ b) & (a ^ r))));
    return r;
}

/* Of a number's further bytes: it is zero only if those before are. */
INLINED uint8_t further_difference(struct core *core, uint8_t a, uint8_t b) {
    uint8_t before = core->sreg, r = difference(core, a, b, before & C);
    core->sreg &= (uint8_t)(before | ~Z);
    return r;
}

INLINED uint8_t shifted(struct core *core, uint8_t value, uint8_t result) {
    core->sreg = (uint8_t)((core->sreg & (I | T | H)) | (value & C) | (zns(result) ^ vs((uint8_t)(result ^ value << 7))));
    return result;
}

INLINED void counted(struct core *core, uint8_t result, uint8_t overflow) {
    core->sreg = (uint8_t)((core->sreg & (I | T | H | C)) | (zns(result) ^ vs(result == overflow ? 0x80 : 0)));
}

INLINED uint16_t wide(struct core *core, uint16_t before, uint16_t after, bool added) {
    uint8_t rose = (uint8_t)((~before & after) >> 8), fell = (uint8_t)((before & ~after) >> 8), high = (uint8_t)(after >> 8);
    core->sreg = (uint8_t)((core->sreg & (I | T | H)) | (added ? fell : rose) >> 7 |
                           (((zns(high) & ~Z) | (after ? 0 : Z)) ^ vs(added ? rose : fell)));
    return after;
}

/* ---- the loop ---- */

/* Also some ADIW and SBIW, which simavr 1.6 takes for two words when it skips them: the two agree in everything. */
INLINED bool is_long(uint16_t opcode) {
    return (opcode & 0xfc0f) == 0x9000 || (opcode & 0xfc0c) == 0x940c;
}

INLINED bool push_pc(struct core *core, avr_flashaddr_t to) {
    unsigned size = core->avr->address_size, sp = word(core->data + R_SPL);
    if (sp < RAM + size || sp > core->avr->ramend) return false;
    to >>= 1;
    for (unsigned i = 0; i < size; i++, to >>= 8) core->data[sp - i] = (uint8_t)to;
    put_word(core->data + R_SPL, (uint16_t)(sp - size));
    return true;
}

/* Runs until simavr has to look at its timers or interrupts. Whatever is not usual (an address outside of the RAM, a program
 * that runs out of the flash, an interrupt that waits) is simavr's from there to the next look. */
avr_flashaddr_t __wrap_avr_run_one(avr_t *avr) {
    if (avr->interrupt_state) return __real_avr_run_one(avr);
    struct core core = {.avr = avr, .data = avr->data, .pc = avr->pc};
    uint8_t *const data = core.data;
    const uint8_t *const flash = avr->flash;
    const unsigned top = avr->ramend, end = avr->flashend, address_size = avr->address_size;
    static struct decoded *decoded;
    if (!decoded && !(decoded = calloc(avr->flashend / 2 + 1, sizeof *decoded))) fail("out of memory");
    take(&core);
    for (;;) {
        if (core.pc >= end) goto simavr;
        const uint16_t op = word(flash + core.pc);
        struct decoded *const found = decoded + core.pc / 2;
        if (found->op != op) *found = decode(op);
        const struct decoded in = *found;
        uint8_t *const a = data + in.a, *const b = data + in.b;
        avr_flashaddr_t next = core.pc + 2;
        unsigned cycles = 1, at;
        uint8_t value;
        bool skips = false;
        switch (in.kind) {
            case NOP: break;
            case MOVW: put_word(a, word(b)); break;
            case MOV: *a = *b; break;
            case LDI: *a = in.b; break;
            case ADD: *a = sum(&core, *a, *b, 0); break;
            case ADC: *a = sum(&core, *a, *b, core.sreg & C); break;
            case CP: difference(&core, *a, *b, 0); break;
            case CPI: difference(&core, *a, in.b, 0); break;
            case CPC: further_difference(&core, *a, *b); break;
            case SUB: *a = difference(&core, *a, *b, 0); break;
            case SUBI: *a = difference(&core, *a, in.b, 0); break;
            case SBC: *a = further_difference(&core, *a, *b); break;
            case SBCI: *a = further_difference(&core, *a, in.b); break;
            case NEG: *a = difference(&core, 0, *a, 0); break;
            case AND: logic(&core, *a &= *b); break;
            case ANDI: logic(&core, *a &= in.b); break;
            case OR: logic(&core, *a |= *b); break;
            case ORI: logic(&core, *a |= in.b); break;
            case EOR: logic(&core, *a ^= *b); break;
            case COM:
                logic(&core, *a = (uint8_t)~*a);
                core.sreg |= C;
                break;
            case SWAP: *a = (uint8_t)(*a >> 4 | *a << 4); break;
            case INC: counted(&core, ++*a, 0x80); break;
            case DEC: counted(&core, --*a, 0x7f); break;
            case ASR: *a = shifted(&core, *a, (uint8_t)(*a >> 1 | (*a & 0x80))); break;
            case LSR: *a = shifted(&core, *a, *a >> 1); break;
            case ROR: *a = shifted(&core, *a, (uint8_t)(*a >> 1 | (core.sreg & C) << 7)); break;
            case ADIW:
                put_word(a, wide(&core, word(a), (uint16_t)(word(a) + in.b), true));
                cycles = 2;
                break;
            case SBIW:
                put_word(a, wide(&core, word(a), (uint16_t)(word(a) - in.b), false));
                cycles = 2;
                break;
            case MUL: {
                const uint16_t product = (uint16_t)(*a * *b);
                put_word(data, product);
                core.sreg = (uint8_t)((core.sreg & ~(Z | C)) | product >> 15 | (product ? 0 : Z));
                cycles = 2;
                break;
            }
            case BSET:
                if (in.b == I) goto simavr;  /* interrupts are on after the next instruction */
                core.sreg |= in.b;
                break;
            case BCLR: core.sreg &= (uint8_t)~in.b; break;
            case BST: core.sreg = (uint8_t)((core.sreg & ~T) | (*a & in.b ? T : 0)); break;
            case BLD: *a = (uint8_t)((*a & ~in.b) | (core.sreg & T ? in.b : 0)); break;

            case LDD_Y: case LDD_Z:
                at = word(data + (op & 8 ? POINTER_Y : POINTER_Z)) + in.b;
                if (at > top) goto simavr;
                *a = load(&core, at);
                cycles = 2;
                break;
            case STD_Y: case STD_Z:
                at = word(data + (op & 8 ? POINTER_Y : POINTER_Z)) + in.b;
                if (at > top) goto simavr;
                store(&core, at, *a);
                cycles = 2;
                break;
            case LD_X: case LD_Y: case LD_Z: case ST_X: case ST_Y: case ST_Z: {
                uint8_t *pointer = data + (op & 4 ? POINTER_X : op & 8 ? POINTER_Y : POINTER_Z);
                at = (uint16_t)(word(pointer) - (op >> 1 & 1));
                if (at > top) goto simavr;
                if (op & 0x200) store(&core, at, *a);
                else value = load(&core, at);
                put_word(pointer, (uint16_t)(at + (op & 1)));
                if (!(op & 0x200)) *a = value;
                cycles = 2;
                break;
            }
            case LDS: case STS:
                at = word(flash + next);
                if (at > top) goto simavr;
                if (op & 0x200) store(&core, at, *a);
                else *a = load(&core, at);
                next += 2;
                cycles = 2;
                break;
            case LPM:
                at = word(data + POINTER_Z);
                *a = flash[at];
                if (op & 1) put_word(data + POINTER_Z, (uint16_t)(at + 1));
                cycles = 3;
                break;
            case PUSH:
                at = word(data + R_SPL);
                if (at < RAM || at > top) goto simavr;
                put_word(data + R_SPL, (uint16_t)(at - 1));
                data[at] = *a;
                cycles = 2;
                break;
            case POP:
                at = word(data + R_SPL) + 1u;
                if (at < RAM || at > top) goto simavr;
                put_word(data + R_SPL, (uint16_t)at);
                *a = data[at];
                cycles = 2;
                break;
            case IN: *a = load(&core, in.b); break;
            case OUT: store(&core, in.b, *a); break;
            case SBI: case CBI:
                value = load(&core, in.a);
                store(&core, in.a, (uint8_t)(op & 0x200 ? value | in.b : value & ~in.b));
                cycles = 2;
                break;

            case SBIC: case SBIS: skips = !(load(&core, in.a) & in.b) == !(op & 0x200); break;
            case SBRC: case SBRS: skips = !(*a & in.b) == !(op & 0x200); break;
            case CPSE: skips = *a == *b; break;
            case BRBS: case BRBC:
                if (!(core.sreg & in.b) != !(op & 0x400)) {
                    next += (avr_flashaddr_t)((int16_t)(op << 6) >> 9) * 2;
                    cycles = 2;
                }
                break;
            case RCALL:
                if (!push_pc(&core, next)) goto simavr;
                cycles = address_size;  /* and one more, below */
                __attribute__((fallthrough));
            case RJMP:
                next = (next + (avr_flashaddr_t)((int16_t)(op << 4) >> 3)) % (end + 1u);
                cycles++;
                break;
            case JMP: case CALL:
                if (op & 2 && !push_pc(&core, next + 2)) goto simavr;
                cycles = op & 2 ? 2u + address_size : 3;
                next = ((avr_flashaddr_t)(op >> 3 & 0x3e) | (op & 1)) << 17 | (avr_flashaddr_t)word(flash + next) << 1;
                break;
            case ICALL:
                if (!push_pc(&core, next)) goto simavr;
                cycles = address_size;
                __attribute__((fallthrough));
            case IJMP:
                next = (avr_flashaddr_t)word(data + POINTER_Z) << 1;
                cycles++;
                break;
            case RET:
                at = word(data + R_SPL) + 1u;
                if (at < RAM || at + address_size > top) goto simavr;
                next = 0;
                for (unsigned i = 0; i < address_size; i++) next = next << 8 | data[at++];
                next <<= 1;
                put_word(data + R_SPL, (uint16_t)(at - 1));
                cycles = 2u + address_size;
                break;
            case UNKNOWN:
                *found = decode(op);
                continue;
            case OTHER: goto simavr;
            default: __builtin_unreachable();
        }
        if (skips) {
            const bool over_two = is_long(word(flash + next));
            next += over_two ? 4 : 2;
            cycles += 1u + over_two;
        }
        if (core.left <= cycles) {
            give(&core);
            avr->cycle += cycles;
            return next;
        }
        core.left -= cycles;
        core.pc = next;
    }
simavr:
    give(&core);
    return __real_avr_run_one(avr);
}
