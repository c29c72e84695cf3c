/* Simulated parts: what an SHT31 and a DS18B20 say, from values and faults that a script gives them. The native board talks
 * to them through hal/bus.h, the emulator's devices (firmware/emulator) by pins and time: C, and C++ too. */
#ifndef QCOT_PARTS_H
#define QCOT_PARTS_H

#ifndef __AVR__

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- scripts: what the measurements of a part give, in turn ---- */

enum { PARTS_COLUMNS = 3, PARTS_FAULTS = 8, PARTS_ROWS = 1 << 20 };

enum part_fault { FAULT_NONE, FAULT_ABSENT, FAULT_CRC, FAULT_HELD, FAULT_STUCK, FAULT_RESTART };

struct script {
    int32_t (*rows)[PARTS_COLUMNS];
    size_t length;
    struct {
        enum part_fault kind;
        unsigned long first, last;
    } faults[PARTS_FAULTS];
    size_t fault_count;
    unsigned long measurement; /* the one under way, from 1 */
};

/* What ARGS are, for people. */
#define PARTS_SCRIPT_USAGE ", or file:CSV with a row for each measurement; fault:absent|crc|held|.. [@FIRST[-LAST]]"
#define PARTS_SHT31_USAGE "TEMPERATURE,HUMIDITY, its words" PARTS_SCRIPT_USAGE
#define PARTS_DS18B20_USAGE "SIXTEENTHS of a degree" PARTS_SCRIPT_USAGE

/* `row`: numbers separated by commas; how many there were, or -1. */
static inline int parts_numbers(const char *text, int32_t *row) {
    int count = 0;
    while (count < PARTS_COLUMNS) {
        char *end;
        const long value = strtol(text, &end, 10);
        if (end == text || value < INT32_MIN || value > INT32_MAX) return -1;
        row[count++] = (int32_t)value;
        end += strspn(end, " \t\r\n");
        if (!*end) return count;
        if (*end != ',') return -1;
        text = end + 1;
    }
    return -1;
}

static inline bool parts_add_row(struct script *script, const int32_t *row) {
    const size_t size = sizeof *script->rows;
    void *const more = script->length < PARTS_ROWS ? realloc(script->rows, (script->length + 1) * size) : NULL;
    if (!more) return false;
    script->rows = (int32_t(*)[PARTS_COLUMNS])more;
    memcpy(script->rows[script->length++], row, size);
    return true;
}

/* A header line is allowed; every other one has `columns` numbers. */
static inline bool parts_read_file(struct script *script, const char *path, int columns) {
    FILE *const file = fopen(path, "r");
    if (!file) return false;
    char line[256];
    bool good = true;
    for (unsigned at = 0; good && fgets(line, sizeof line, file); ++at) {
        int32_t row[PARTS_COLUMNS] = {0};
        if (parts_numbers(line, row) == columns) {
            good = parts_add_row(script, row);
        } else {
            good = at == 0;
        }
    }
    fclose(file);
    return good && script->length;
}

static inline bool parts_add_fault(struct script *script, char *text) {
    static const char *const kNames[] = {"", "absent", "crc", "held", "stuck", "restart"};
    unsigned long first = 1, last = ~0ul;
    char *const at = strchr(text, '@');
    if (at) {
        char *end;
        *at = 0;
        first = last = strtoul(at + 1, &end, 10);
        if (*end == '-') last = strtoul(end + 1, &end, 10);
        if (*end || !first || last < first) return false;
    }
    for (int kind = 1; kind < (int)(sizeof kNames / sizeof *kNames); ++kind) {
        if (strcmp(text, kNames[kind]) || script->fault_count == PARTS_FAULTS) continue;
        script->faults[script->fault_count].kind = (enum part_fault)kind;
        script->faults[script->fault_count].first = first;
        script->faults[script->fault_count++].last = last;
        return true;
    }
    return false;
}

/* Reads `args` over `defaults`, of which there are `columns`. False if it cannot be understood. */
static inline bool script_read(struct script *script, const char *args, int columns, const int32_t *defaults) {
    char text[512];
    int given = 0;
    int32_t row[PARTS_COLUMNS] = {0};
    memcpy(row, defaults, (size_t)columns * sizeof *row);
    memset(script, 0, sizeof *script);
    if (strlen(args) >= sizeof text) return false;
    strcpy(text, args);
    for (char *state, *item = strtok_r(text, ",", &state); item; item = strtok_r(NULL, ",", &state)) {
        if (!strncmp(item, "fault:", 6)) {
            if (!parts_add_fault(script, item + 6)) return false;
        } else if (!strncmp(item, "file:", 5)) {
            if (script->length || !parts_read_file(script, item + 5, columns)) return false;
        } else if (given == columns || parts_numbers(item, row + given++) != 1) {
            return false;
        }
    }
    return script->length ? !given : parts_add_row(script, row);
}

/* The next measurement begins: its fault. */
static inline enum part_fault script_begin(struct script *script) {
    ++script->measurement;
    for (size_t i = 0; i < script->fault_count; ++i) {
        if (script->measurement >= script->faults[i].first && script->measurement <= script->faults[i].last) {
            return script->faults[i].kind;
        }
    }
    return FAULT_NONE;
}

/* Its values; the last row is held. */
static inline const int32_t *script_row(const struct script *script) {
    size_t at = script->measurement ? script->measurement - 1 : 0;
    return script->rows[at < script->length ? at : script->length - 1];
}

/* A CRC-8 as long division, highest bit first. */
static inline uint8_t parts_crc8(uint8_t crc, const uint8_t *bytes, size_t size, bool reflected) {
    for (size_t bit = 0; bit < 8 * size; ++bit) {
        const unsigned in = bytes[bit / 8] >> (reflected ? bit % 8 : 7 - bit % 8) & 1;
        const unsigned out = reflected ? crc & 1 : crc >> 7;
        crc = (uint8_t)(reflected ? crc >> 1 : crc << 1);
        if (in != out) crc ^= reflected ? 0x8C : 0x31;
    }
    return crc;
}

/* ---- SHT31: temperature and humidity, raw ---- */

enum { SHT31_ADDRESS = 0x44 };

struct sht31 {
    struct script script;
    enum part_fault fault;
    uint8_t command[2], count; /* bytes taken or given since it was addressed */
    uint64_t ready_us;         /* 0: nothing was asked for */
    uint8_t answer[6];
};

static inline bool sht31_make(struct sht31 *part, const char *args) {
    static const int32_t kDefaults[] = {26214, 29491}; /* 25 degrees, 45 % */
    memset(part, 0, sizeof *part);
    return script_read(&part->script, args, 2, kDefaults);
}

/* A measurement begins with the command; until then nothing is known of its fault. */
static inline void sht31_begin(struct sht31 *part) {
    part->fault = script_begin(&part->script);
    part->ready_us = 0;
}

/* Its address was called: whether it acknowledges. */
static inline bool sht31_called(struct sht31 *part, bool reads, uint64_t now_us) {
    part->count = 0;
    if (part->fault == FAULT_ABSENT) return false;
    return !reads || (part->ready_us && now_us >= part->ready_us);
}

static inline bool sht31_take(struct sht31 *part, uint8_t byte, uint64_t now_us) {
    if (part->count >= 2) return false;
    part->command[part->count++] = byte;
    if (part->count < 2) return true;
    if (part->command[0] != 0x24 || part->command[1] != 0x00) return false;
    part->ready_us = now_us + 15000;
    const int32_t *const row = script_row(&part->script);
    for (int i = 0; i < 2; ++i) {
        uint8_t *const word = part->answer + 3 * i;
        word[0] = (uint8_t)(row[i] >> 8);
        word[1] = (uint8_t)row[i];
        word[2] = parts_crc8(0xFF, word, 2, false);
    }
    if (part->fault == FAULT_CRC) part->answer[4] ^= 0x10;
    return true;
}

static inline uint8_t sht31_give(struct sht31 *part) {
    part->ready_us = 0;
    return part->count < sizeof part->answer ? part->answer[part->count++] : 0xFF;
}

/* ---- DS18B20: temperature in 1/16 degree ---- */

enum ds18b20_state { DS_DEAF, DS_ROM, DS_FUNCTION, DS_WRITE, DS_READ, DS_BUSY };

struct ds18b20 {
    struct script script;
    enum part_fault fault;
    enum ds18b20_state state;
    bool measuring; /* a measurement began and was not read out */
    uint8_t shift;
    unsigned bits; /* taken or given in this state */
    uint8_t memory[9];
    uint64_t done_us; /* of the conversion */
};

static inline void ds18b20_lose_power(struct ds18b20 *part) {
    static const uint8_t kFresh[] = {0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10}; /* 85 degrees */
    memcpy(part->memory, kFresh, sizeof kFresh);
}

static inline bool ds18b20_make(struct ds18b20 *part, const char *args) {
    static const int32_t kDefaults[] = {321}; /* 20.0625 degrees */
    memset(part, 0, sizeof *part);
    ds18b20_lose_power(part);
    return script_read(&part->script, args, 1, kDefaults);
}

/* The line was low for 480 us: its fault for now, which FAULT_ABSENT and FAULT_HELD are to be heard of at once. */
static inline enum part_fault ds18b20_reset(struct ds18b20 *part) {
    if (!part->measuring) part->fault = script_begin(&part->script);
    part->measuring = part->fault != FAULT_ABSENT && part->fault != FAULT_HELD;
    part->state = part->measuring ? DS_ROM : DS_DEAF;
    part->bits = 0;
    return part->fault;
}

static inline void ds18b20_finish(struct ds18b20 *part) {
    const int32_t value = *script_row(&part->script);
    part->memory[0] = (uint8_t)value;
    part->memory[1] = (uint8_t)(value >> 8);
    if (part->fault == FAULT_RESTART) ds18b20_lose_power(part);
}

/* What it says in the slot that begins. */
static inline bool ds18b20_says(const struct ds18b20 *part, uint64_t now_us) {
    if (part->state == DS_BUSY) return now_us >= part->done_us;
    if (part->state != DS_READ || part->bits >= 72) return true;
    return part->memory[part->bits / 8] >> part->bits % 8 & 1;
}

static inline void ds18b20_obey(struct ds18b20 *part, uint8_t byte, uint64_t now_us) {
    part->bits = 0;
    if (part->state == DS_ROM) {
        part->state = byte == 0xCC ? DS_FUNCTION : DS_DEAF;
    } else if (byte == 0x4E) {
        part->state = DS_WRITE;
    } else if (byte == 0x44) {
        part->state = DS_BUSY;
        part->done_us = now_us + 750000;
        ds18b20_finish(part);
    } else if (byte == 0xBE && now_us >= part->done_us) {
        part->state = DS_READ;
        part->measuring = false;
        part->memory[8] = parts_crc8(0, part->memory, 8, true);
        if (part->fault == FAULT_CRC) part->memory[8] ^= 0x01;
    } else {
        part->state = DS_DEAF;
    }
}

/* The slot has ended, in which the master wrote `bit` (1 to read). */
static inline void ds18b20_slot(struct ds18b20 *part, bool bit, uint64_t now_us) {
    if (part->state == DS_DEAF || part->state == DS_BUSY) return;
    ++part->bits;
    if (part->state == DS_READ) return;
    part->shift = (uint8_t)(part->shift >> 1 | (bit ? 0x80 : 0));
    if (part->bits % 8) return;
    if (part->state != DS_WRITE) {
        ds18b20_obey(part, part->shift, now_us);
    } else {
        part->memory[1 + part->bits / 8] = part->shift;
        if (part->bits == 24) part->state = DS_DEAF;
    }
}

#endif
#endif
