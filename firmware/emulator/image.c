#include "image.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

enum { AVR_EEPROM_BASE = 0x810000 };  /* avr-ld: data space below this, EEPROM and fuses above */

static uint8_t *slurp(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status)) fail("%s: %s", path, strerror(errno));
    *length = (size_t)status.st_size;
    uint8_t *bytes = malloc(*length + 1);
    if (!bytes || fread(bytes, 1, *length, file) != *length) fail("%s: cannot be read", path);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}

void image_load_elf(const char *path, uint8_t *flash, size_t size) {
    size_t length;
    uint8_t *bytes = slurp(path, &length);
    Elf32_Ehdr header;
    if (length < sizeof header) fail("%s: expected an ELF program for AVR, got %zu bytes", path, length);
    memcpy(&header, bytes, sizeof header);
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_machine != EM_AVR)
        fail("%s: expected an ELF program for AVR", path);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf32_Phdr segment;
        size_t at = header.e_phoff + (size_t)i * header.e_phentsize;
        if (at + sizeof segment > length) fail("%s: is cut short", path);
        memcpy(&segment, bytes + at, sizeof segment);
        if (segment.p_type != PT_LOAD || !segment.p_filesz || segment.p_vaddr >= AVR_EEPROM_BASE) continue;
        if ((size_t)segment.p_offset + segment.p_filesz > length) fail("%s: is cut short", path);
        if ((size_t)segment.p_paddr + segment.p_filesz > size)
            fail("%s: needs more than the %zu bytes of flash that the chip has", path, size);
        memcpy(flash + segment.p_paddr, bytes + segment.p_offset, segment.p_filesz);
    }
    free(bytes);
}

/* One record; returns its type. `base` is what the extended address records said last. */
static int hex_record(const char *path, unsigned line, const char *text, uint32_t *base, uint8_t data[260], uint32_t *address) {
    size_t digits = strspn(text + 1, "0123456789abcdefABCDEF");
    if (text[0] != ':' || digits < 10 || digits > 2 * 260) fail("%s:%u: expected an Intel HEX record", path, line);
    uint8_t sum = 0;
    for (size_t i = 0; i < digits / 2; i++) {
        char pair[3] = {text[1 + 2 * i], text[2 + 2 * i], 0};
        data[i] = (uint8_t)strtoul(pair, NULL, 16);
        sum = (uint8_t)(sum + data[i]);
    }
    if (sum || digits / 2 != (size_t)data[0] + 5) fail("%s:%u: wrong checksum or length", path, line);
    uint32_t value = (uint32_t)(data[4] << 8 | data[5]);
    if (data[3] == 2) *base = value << 4;
    if (data[3] == 4) *base = value << 16;
    *address = *base + (uint32_t)(data[1] << 8 | data[2]);
    return data[3];
}

uint32_t image_load_hex(const char *path, uint8_t *flash, size_t size) {
    size_t length;
    char *text = (char *)slurp(path, &length);
    uint32_t base = 0, lowest = UINT32_MAX;
    unsigned line = 0;
    char *state = NULL;
    for (char *row = strtok_r(text, "\r\n", &state); row; row = strtok_r(NULL, "\r\n", &state)) {
        uint8_t data[260];
        uint32_t address;
        if (hex_record(path, ++line, row, &base, data, &address) != 0) continue;
        if ((size_t)address + data[0] > size) fail("%s:%u: address %#x is outside the flash", path, line, (unsigned)address);
        memcpy(flash + address, data + 4, data[0]);
        if (address < lowest) lowest = address;
    }
    free(text);
    if (lowest == UINT32_MAX) fail("%s: expected Intel HEX records, found no data", path);
    return lowest;
}

uint8_t *image_map(const char *path, size_t size, size_t spare) {
    uint8_t *memory = mmap(NULL, size + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("out of memory");
    if (!path) return memset(memory, 0xff, size);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat status;
    if (file < 0 || fstat(file, &status)) fail("%s: %s", path, strerror(errno));
    int fresh = status.st_size == 0;
    if (!fresh && (size_t)status.st_size != size)
        fail("%s: expected %zu bytes for this chip, got %lld", path, size, (long long)status.st_size);
    /* All of its blocks now: a full disk would kill us at a write to the mapping. */
    int error = posix_fallocate(file, 0, (off_t)size);
    if (error) fail("%s: %s", path, strerror(error));
    if (mmap(memory, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
        fail("%s: %s", path, strerror(errno));
    close(file);
    if (fresh) memset(memory, 0xff, size);
    return memory;
}

void image_part(uint8_t *memory, size_t size) {
    uint8_t *held = malloc(size);
    if (!held) fail("out of memory");
    memcpy(held, memory, size);
    if (mmap(memory, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        fail("a mapping cannot be replaced: %s", strerror(errno));
    memcpy(memory, held, size);
    free(held);
}
