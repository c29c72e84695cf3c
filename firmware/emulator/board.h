/* A simulated Uno or Mega: chip, power, reset, memories that outlive the process, pins. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "avr_eeprom.h"
#include "avr_flash.h"
#include "serial.h"
#include "sim_avr.h"
#include "usb.h"

enum { CLOCK_HZ = 16000000, PORTS = 12, WORN_BYTES = 8, EEPROM_MAX = 4096 };

struct board_files {
    const char *elf, *bootloader, *flash, *eeprom, *link;
    FILE *marks;     /* `cycle value`, a line for each write to GPIOR0; or NULL */
    FILE *uart_log;  /* `cycle byte`, a line for each byte that the board says; or NULL */
};

struct board {
    avr_t *avr;
    const struct model *model;
    avr_eeprom_t *eeprom;
    avr_flash_t *flash;
    avr_io_t spm;                    /* asked before simavr's flash */
    struct serial serial;
    struct usb usb;                  /* of a board that has no UART for it */
    bool powered;
    uint32_t boot_address;           /* 0: no bootloader */
    avr_cycle_count_t powered_at;
    avr_cycle_count_t asleep;        /* of all cycles so far, those spent asleep */
    avr_cycle_count_t cut_at;        /* power goes then; 0: never */
    unsigned cut_page;               /* and as that page of the flash from now is to be written; 0: none */
    FILE *marks;
    uint8_t pull_mask[PORTS], pull_value[PORTS];  /* pins driven from outside, by port A to L */
    uint64_t noise;                  /* state of the generator that tears EEPROM writes */
    struct {
        avr_cycle_count_t done;      /* the byte being written is safe from then on */
        uint16_t address;
        uint8_t before;
    } writing;
    uint32_t cell_writes[EEPROM_MAX];  /* of each EEPROM byte, since the process began */
    unsigned writes;                 /* EEPROM bytes that were begun so far */
    uint16_t worn[WORN_BYTES];       /* EEPROM bytes that take no write any more, `worn_count` of them */
    unsigned worn_count;
    avr_io_write_t eecr_write;       /* simavr's own handlers, behind ours */
    void *eecr_param;
    void (*core_reset)(avr_t *);
};

/* Makes the chip; the board is off. Gives up naming what is wrong with the files. */
void board_make(struct board *board, const char *mcu, struct board_files files, uint64_t seed);

void board_power_on(struct board *board);

/* An EEPROM byte that is being written when the power goes is torn, as in a real chip. */
void board_power_off(struct board *board);

/* What the reset button does, and DTR. */
void board_reset(struct board *board);

/* Whether the program has stopped for good: it crashed, or sleeps without interrupts. A reset starts it anew. */
bool board_stopped(const struct board *board);

/* Run to `until`, or until the line stops it. */
void board_run(struct board *board, avr_cycle_count_t until);

/* Run for `cycles`, or to the end of a frame that the board says, or to where it begins to write an EEPROM byte. */
void board_step(struct board *board, avr_cycle_count_t cycles);

/* Whether the bootloader runs: it is a partner in a dialogue with a tool that lives in real time. */
bool board_in_bootloader(const struct board *board);

/* Drive a pin ("12", "B4") from outside: 0, 1, or 'z' to let go. False: no such pin. */
bool board_drive(struct board *board, const char *pin, char level);

/* From now on the EEPROM byte at `address` keeps what it holds. False: too many, or no such byte. */
bool board_wear(struct board *board, unsigned address);

/* This process is a fork of the board's: let go of what both would write to (port, logs, files). */
void board_part(struct board *board, uint64_t seed);

/* Level of the LED on D13. */
bool board_led(const struct board *board);

#endif
