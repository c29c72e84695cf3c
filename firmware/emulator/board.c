#include "board.h"

#include <ctype.h>

#include "avr_ioport.h"
#include "fail.h"
#include "flags.h"
#include "image.h"

enum {
    GPIOR0 = 0x3e,                             /* the same on both chips */
    EEPROM_WRITE_CYCLES = CLOCK_HZ / 10000 * 34,  /* 3.4 ms, ATmega328P datasheet, table 7-1 */
    RUN_LIMIT = 256,                           /* cycles that simavr may run between looks at its timers */
};

struct model {
    const char *mcu;
    const char *pins[14];  /* D0 to D13 */
    bool usb;              /* its line is the chip's own USB */
};

static const struct model MODELS[] = {
    {"atmega328p", {"D0", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "B0", "B1", "B2", "B3", "B4", "B5"}, false},
    {"atmega2560", {"E0", "E1", "E4", "E5", "G5", "E3", "H3", "H4", "H5", "H6", "B4", "B5", "B6", "B7"}, false},
    {"atmega32u4", {"D2", "D3", "D1", "D0", "D4", "C6", "D7", "E6", "B4", "B5", "B6", "B7", "D6", "C7"}, true},
};

static const struct model *model_of(const char *mcu) {
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++)
        if (!strcmp(MODELS[i].mcu, mcu)) return &MODELS[i];
    fail("%s: expected atmega328p, atmega2560 or atmega32u4", mcu);
}

/* ---- EEPROM: takes its time, and can be torn ---- */

static void on_eecr_write(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    struct board *board = param;
    avr_eeprom_t *eeprom = board->eeprom;
    bool begins = avr_regbit_get(avr, eeprom->eempe) && (value >> eeprom->eepe.bit & 1);
    if (begins) {
        uint16_t at = (uint16_t)((avr->data[eeprom->r_eearh] << 8 | avr->data[eeprom->r_eearl]) % eeprom->size);
        board->writing.address = at;
        board->cell_writes[at]++;
        board->writing.before = eeprom->eeprom[at];
        board->writing.done = avr->cycle + EEPROM_WRITE_CYCLES;
        board->writes++;
    }
    board->eecr_write(avr, address, value, board->eecr_param);
    for (unsigned i = 0; begins && i < board->worn_count; i++)
        if (board->worn[i] == board->writing.address) eeprom->eeprom[board->worn[i]] = board->writing.before;
    if (begins && board->serial.stops_at_zero) serial_stop(&board->serial);
}

/* simavr clears EEPE at once; a program that waits for it is to wait. */
static uint8_t on_eecr_read(avr_t *avr, avr_io_addr_t address, void *param) {
    struct board *board = param;
    uint8_t busy = (uint8_t)(1 << board->eeprom->eepe.bit);
    return (uint8_t)((avr->data[address] & ~busy) | (avr->cycle < board->writing.done ? busy : 0));
}

static uint64_t first_noise(uint64_t seed) { return seed * 2654435761u + 88172645463325252u; }

static uint8_t noise(struct board *board) {
    board->noise ^= board->noise << 13;
    board->noise ^= board->noise >> 7;
    board->noise ^= board->noise << 17;
    return (uint8_t)(board->noise >> 32);
}

/* A write erases (bits go to 1), then programs (bits go to 0): a cut leaves some bits where they were. */
static void tear(struct board *board) {
    if (board->avr->cycle >= board->writing.done) return;
    uint8_t *byte = &board->eeprom->eeprom[board->writing.address];
    bool erasing = board->writing.done - board->avr->cycle > EEPROM_WRITE_CYCLES / 2;
    *byte = (uint8_t)((erasing ? board->writing.before : *byte) | noise(board));
    board->writing.done = 0;
}

/* ---- flash: the power may go in an upload, with a page that is erased and not written ---- */

static int on_spm(avr_io_t *io, uint32_t what, void *param) {
    (void)param;
    struct board *board = io->avr->custom.data;
    bool writes = what == AVR_IOCTL_FLASH_SPM && avr_regbit_get(io->avr, board->flash->pgwrt);
    if (!writes || !board->cut_page || --board->cut_page) return -1;  /* simavr's own is asked next */
    board->cut_at = io->avr->cycle;
    return 0;
}

/* ---- pins ---- */

static void set_pulls(struct board *board) {
    for (int i = 0; i < PORTS; i++) {
        avr_ioport_external_t pull = {.name = (unsigned)('A' + i), .mask = board->pull_mask[i], .value = board->pull_value[i]};
        avr_ioctl(board->avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('A' + i), &pull);
    }
}

bool board_drive(struct board *board, const char *pin, char level) {
    if (isdigit((unsigned char)*pin)) {
        char *end;
        unsigned long number = strtoul(pin, &end, 10);
        if (number > 13 || *end) return false;
        pin = board->model->pins[number];
    }
    int port = toupper((unsigned char)pin[0]) - 'A', bit = pin[1] - '0';
    if (port < 0 || port >= PORTS || bit < 0 || bit > 7 || pin[2] || !strchr("01z", level)) return false;
    avr_irq_t *irq = avr_io_getirq(board->avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ('A' + port), bit);
    if (!irq) return false;
    uint8_t mask = (uint8_t)(1 << bit);
    board->pull_mask[port] = (uint8_t)(level == 'z' ? board->pull_mask[port] & ~mask : board->pull_mask[port] | mask);
    board->pull_value[port] = (uint8_t)(level == '1' ? board->pull_value[port] | mask : board->pull_value[port] & ~mask);
    set_pulls(board);
    avr_ioport_state_t state;
    avr_ioctl(board->avr, (uint32_t)AVR_IOCTL_IOPORT_GETSTATE('A' + port), &state);
    /* Let go, the pin follows its pull-up. */
    avr_raise_irq(irq, level == 'z' ? (state.port >> bit & 1) : (uint32_t)(level == '1'));
    return true;
}

bool board_led(const struct board *board) {
    const char *pin = board->model->pins[13];
    avr_ioport_state_t state;
    avr_ioctl(board->avr, (uint32_t)AVR_IOCTL_IOPORT_GETSTATE(pin[0]), &state);
    return board->powered && (state.ddr & state.port) >> (pin[1] - '0') & 1;
}

/* ---- reset and power ---- */

/* Runs inside every reset, the watchdog's too, after simavr has zeroed the registers. simavr tells a pin's module only of
 * changes, and the last level that it remembers is from before the reset: without this a pull-up would read 0. */
static void on_reset(avr_t *avr) {
    struct board *board = avr->custom.data;
    if (board->core_reset) board->core_reset(avr);
    avr->run_cycle_limit = RUN_LIMIT;
    for (char port = 'A'; port < 'A' + PORTS; port++) {
        avr_irq_t *irq = avr_io_getirq(avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ(port), 0);
        for (int i = 0; irq && i <= IOPORT_IRQ_PIN_ALL; i++) irq[i].flags |= IRQ_FLAG_INIT;
    }
    serial_clear(&board->serial);
    usb_clear(&board->usb);
}

/* After the reset proper, as its modules have then registered for their pins. */
static void reset(struct board *board, avr_regbit_t cause) {
    avr_reset(board->avr);
    avr_regbit_set(board->avr, cause);
    for (int port = 0; port < PORTS; port++)
        for (int bit = 0; bit < 8; bit++)
            if (board->pull_mask[port] >> bit & 1)
                avr_raise_irq(avr_io_getirq(board->avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ('A' + port), bit),
                              board->pull_value[port] >> bit & 1);
}

void board_reset(struct board *board) {
    if (board->powered) reset(board, board->avr->reset_flags.extrf);
}

void board_power_on(struct board *board) {
    if (board->powered) return;
    board->powered = true;
    board->powered_at = board->avr->cycle;
    for (unsigned i = board->avr->ioend + 1u; i <= board->avr->ramend; i++) board->avr->data[i] = noise(board);
    reset(board, board->avr->reset_flags.porf);
}

void board_power_off(struct board *board) {
    if (!board->powered) return;
    tear(board);
    board->powered = false;
    board->cut_at = board->cut_page = 0;
    serial_clear(&board->serial);
}

bool board_stopped(const struct board *board) {
    return board->avr->state != cpu_Running && board->avr->state != cpu_Sleeping;
}

void board_run(struct board *board, avr_cycle_count_t until) {
    avr_t *avr = board->avr;
    if (board->cut_at && board->cut_at < until) until = board->cut_at;
    while (avr->cycle < until && !board->serial.stopped) {
        if (board->cut_at && board->cut_at - avr->cycle <= 2 * RUN_LIMIT) avr->run_cycle_limit = avr->run_cycle_count = 1;
        avr_run(avr);
        /* Time and all but the core go on: the watchdog may end this, as a reset does. */
        if (board_stopped(board)) avr->cycle += until - avr->cycle < RUN_LIMIT ? until - avr->cycle : RUN_LIMIT;
    }
    if (board->cut_at && avr->cycle >= board->cut_at) board_power_off(board);
}

static avr_cycle_count_t wake_up(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)avr, (void)when, (void)param;
    return 0;
}

void board_step(struct board *board, avr_cycle_count_t cycles) {
    board->serial.stopped = false;
    if (!cycles || !board->powered) return;
    /* A timer of our own, as simavr sleeps on to the next one. */
    avr_cycle_timer_register(board->avr, cycles, wake_up, board);
    board_run(board, board->avr->cycle + cycles);
    avr_cycle_timer_cancel(board->avr, wake_up, board);
}

bool board_in_bootloader(const struct board *board) {
    return board->powered && board->boot_address && board->avr->pc >= board->boot_address;
}

bool board_wear(struct board *board, unsigned address) {
    if (board->worn_count == WORN_BYTES || address >= board->eeprom->size) return false;
    board->worn[board->worn_count++] = (uint16_t)address;
    return true;
}

void board_part(struct board *board, uint64_t seed) {
    avr_t *avr = board->avr;
    board->noise = first_noise(seed);
    if (board->marks) fclose(board->marks);
    board->marks = NULL;
    image_part(avr->flash, avr->flashend + 1);
    image_part(board->eeprom->eeprom, board->eeprom->size);
    serial_part(&board->serial);
}

/* ---- making ---- */

static void on_mark(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    struct board *board = param;
    avr->data[address] = value;
    if (board->marks && fprintf(board->marks, "%llu %u\n", (unsigned long long)avr->cycle, value) < 0) fail("--marks: %s", strerror(errno));
}

/* Time is paced by the main loop, so a sleeping chip just skips ahead, by one cycle more than it is told (simavr's run loop). */
static void on_sleep(avr_t *avr, avr_cycle_count_t cycles) {
    ((struct board *)avr->custom.data)->asleep += cycles + 1;
}

static void only_errors(avr_t *avr, const int level, const char *format, va_list arguments) {
    (void)avr;
    if (level == LOG_ERROR) vfprintf(stderr, format, arguments);
}

static void make_memories(struct board *board, struct board_files files) {
    avr_t *avr = board->avr;
    const size_t size = avr->flashend + 1, spare = 4096;
    uint8_t *flash = image_map(files.flash, size, spare);
    memcpy(flash + size, avr->flash + size, 2);  /* simavr's guard behind the last instruction */
    free(avr->flash);
    avr->flash = flash;
    if (files.elf) {
        memset(flash, 0xff, size);
        image_load_elf(files.elf, flash, size);
    }
    if (files.bootloader) avr->reset_pc = board->boot_address = image_load_hex(files.bootloader, flash, size);
    for (avr_io_t *io = avr->io_port; io; io = io->next) {
        if (!strcmp(io->kind, "eeprom")) board->eeprom = (avr_eeprom_t *)io;
        if (!strcmp(io->kind, "flash")) board->flash = (avr_flash_t *)io;
    }
    free(board->eeprom->eeprom);
    board->eeprom->eeprom = image_map(files.eeprom, board->eeprom->size, 0);
}

void board_make(struct board *board, const char *mcu, struct board_files files, uint64_t seed) {
    avr_global_logger_set(only_errors);
    const struct model *model = model_of(mcu);
    avr_t *avr = avr_make_mcu_by_name(mcu);
    if (!avr) fail("%s: this simavr does not know it", mcu);
    *board = (struct board){.avr = avr, .model = model, .marks = files.marks, .noise = first_noise(seed)};
    avr_init(avr);
    avr->frequency = CLOCK_HZ;
    avr->vcc = avr->avcc = avr->aref = 5000;
    avr->sleep = on_sleep;
    make_memories(board, files);
    serial_attach(&board->serial, avr, files.link, files.uart_log);
    if (model->usb) usb_attach(&board->usb, avr, &board->serial);

    avr->custom.data = board;
    flags_attach(avr);
    board->spm = (avr_io_t){.kind = "spm", .ioctl = on_spm};
    avr_register_io(avr, &board->spm);
    board->core_reset = avr->reset;
    avr->reset = on_reset;
    avr_io_addr_t at = (avr_io_addr_t)AVR_DATA_TO_IO(board->eeprom->r_eecr);
    board->eecr_write = avr->io[at].w.c;
    board->eecr_param = avr->io[at].w.param;
    avr->io[at].w.c = on_eecr_write;
    avr->io[at].w.param = board;
    avr_register_io_read(avr, board->eeprom->r_eecr, on_eecr_read, board);
    if (board->marks) {
        setvbuf(board->marks, NULL, _IOLBF, 4096);
        avr_register_io_write(avr, GPIOR0, on_mark, board);
    }
}
