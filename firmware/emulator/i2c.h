/* The I2C unit of the chip as a master, and what is on its bus. In place of simavr's, which gives the status of a data byte
 * after an address, has TWINT read as set while it works, and knows no bit rate and no bus that is held. */
#ifndef I2C_H
#define I2C_H

#include "devices.h"

struct i2c_slave {
    uint8_t address;
    bool (*called)(bool reads);    /* whether it acknowledges its address */
    bool (*take)(uint8_t byte);    /* whether it acknowledges the byte */
    uint8_t (*give)(void);
    bool (*holds)(void);           /* asked when a start is wanted: whether it keeps a line low; may be NULL */
    void (*clocked)(void);         /* SCL was pulsed by hand; may be NULL */
};

/* Give the chip its unit, on a bus with nothing on it. */
void i2c_begin(avr_t *avr);

/* Put `slave` on the bus; several may be. */
void i2c_attach(const struct i2c_slave *slave);

#endif
