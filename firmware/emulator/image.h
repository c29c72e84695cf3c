/* What goes into flash: ELF programs and Intel HEX bootloaders. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Load the flash segments of an AVR ELF. Gives up with a clear message on any other file. */
void image_load_elf(const char *path, uint8_t *flash, size_t size);

/* Load an Intel HEX file; returns its lowest address, which is where a bootloader is entered. */
uint32_t image_load_hex(const char *path, uint8_t *flash, size_t size);

/* Map `path` so that every store into the memory is a store into the file, and survives even a kill -9.
 * A file that is not there is made, full of 0xFF. `spare` anonymous bytes follow the file's. */
uint8_t *image_map(const char *path, size_t size, size_t spare);

/* Keep the first `size` bytes of a mapping, as they are, for this process alone: nothing goes into its file any more. */
void image_part(uint8_t *memory, size_t size);

#endif
