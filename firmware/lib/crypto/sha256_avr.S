/* SHA-256's compression function for AVR cores with MUL (ATmega), FIPS 180-4 section 6.2.2.

       extern "C" void sha256_compress(uint8_t state[32], uint8_t block[64]);     r25:r24, r23:r22
       extern "C" void sha256_one(uint8_t block[64], uint8_t digest[32]);         the same of the initial state
       extern "C" void sha256_copy(uint8_t* to, const uint8_t* from, uint8_t eights);    r25:r24, r23:r22, r20

   Constant time: branches and addresses depend on counts and pointers alone. Interrupts stay on: the frame is made and
   unmade by pushes and pops, so that the stack pointer is never written. Stack: 18 saved registers, the state's address, a frame
   of 32 bytes, and 2 bytes for the constants' pointer: 54 bytes and the return address. Constants are read by LPM: the linker
   puts .progmem.data first, in the lower 64 KB, also of an ATmega2560.

   An AVR shifts by one bit at a time, while a rotation by whole bytes is a matter of naming. So sums of rotations are
   nested for few single steps, each over the four bytes of a word:

       S0(x) = R16(R24 L6 x ^ L2(R8 x ^ L1 x))        S1(x) = R8(L2 x ^ R1(R16 x ^ R2 x))
       s0(x) = R8 L1(x ^ R8 R3 x) ^ (x >> 3)          s1(x) = R16 R1(x ^ R2 x) ^ (x >> 10)

   and where a product by a power of two gives the two parts of a shifted byte sooner, it does. The factor of a round is lent Y's
   low byte, which is then read again from the stack pointer: it stands still.

   EOR, AND, MOV and all loads leave the carry alone, so that sums run byte by byte through other work.

   A word is four registers, named by the lowest, least significant byte first (expressions are registers to this assembler:
   `add \t+1, \f+1`). Bytes of block and state are big-endian, as they come; those of the frame are little-endian.

   Rounds. A round makes A0 and E0 of A1..A4 (a..d) and E1..E4 (e..h). Registers r2 to r25 hold six words:

       A1 | X = A2 ^ A3 | E1 | E2 | T: E4, which the sum T1 grows in | F: free

   and r1 is 0, r0 a byte, X walks the block, Z the constants, Y is the frame's. The frame has A1..A4 and E1..E4 in places that
   stay: A0 takes that of A4. Majority is A2 ^ ((A1 ^ A2) & (A2 ^ A3)), so A1 ^ A2, once made, is the next round's X. With choice
   E3 ^ (E1 & (E2 ^ E3)), E3 is loaded into F and is the next round's E4. Each round leaves its words under the names of the next
   one with three pairs swapped (A1 X, E1 E2, T F): four rounds, as many as there are places, end with all names as they were.

   Schedule. Every 16 rounds the block is expanded in its place, W[t] over W[t - 16], with all registers: four words of it, which
   change names each step with a period of four steps, and two more for s0 and s1. Y writes W[t], X reads W[t - 15], Z reads
   W[t - 7]; the latter two come to the block's end half a block apart. */

#if defined(__AVR__) && !defined(QCOT_PORTABLE_SHA256)

#include <avr/io.h>

; --- steps of all four bytes ---------------------------------------------------------------------------------------

.macro copy to, from
    movw \to, \from
    movw \to+2, \from+2
.endm

; to ^= from rotated right by a number of bytes
.macro xor_r0 to, from
    eor \to, \from
    eor \to+1, \from+1
    eor \to+2, \from+2
    eor \to+3, \from+3
.endm

.macro xor_r8 to, from
    eor \to, \from+1
    eor \to+1, \from+2
    eor \to+2, \from+3
    eor \to+3, \from
.endm

.macro xor_r16 to, from
    eor \to, \from+2
    eor \to+1, \from+3
    eor \to+2, \from
    eor \to+3, \from+1
.endm

; to += from rotated right by a number of bytes
.macro add_r0 to, from
    add \to, \from
    adc \to+1, \from+1
    adc \to+2, \from+2
    adc \to+3, \from+3
.endm

.macro add_r8 to, from
    add \to, \from+1
    adc \to+1, \from+2
    adc \to+2, \from+3
    adc \to+3, \from
.endm

.macro add_r16 to, from
    add \to, \from+2
    adc \to+1, \from+3
    adc \to+2, \from
    adc \to+3, \from+1
.endm

; Rotations by single bits; r1 is 0, r0 is spoiled.
.macro left x, times=1
  .rept \times
    lsl \x
    rol \x+1
    rol \x+2
    rol \x+3
    adc \x, r1
  .endr
.endm

.macro right x, times=1
    mov r0, \x
  .rept \times
    lsr r0
    ror \x+3
    ror \x+2
    ror \x+1
    ror \x
  .endr
.endm

; to ^= from rotated left by as many bits as the register `power` is a power of two: low and high half of each product, one
; byte apart, after a rotation by whole bytes. Spoils r1, too.
.macro xor_left to0, to1, to2, to3, from, power
    mul \from, \power
    eor \to0, r0
    eor \to1, r1
    mul \from+1, \power
    eor \to1, r0
    eor \to2, r1
    mul \from+2, \power
    eor \to2, r0
    eor \to3, r1
    mul \from+3, \power
    eor \to3, r0
    eor \to0, r1
.endm

; The block's words.
.macro load_big x, pointer
    ld \x+3, \pointer
    ld \x+2, \pointer
    ld \x+1, \pointer
    ld \x, \pointer
.endm

; The frame's.
.macro load_little x, at
    ldd \x, Y+\at
    ldd \x+1, Y+\at+1
    ldd \x+2, Y+\at+2
    ldd \x+3, Y+\at+3
.endm

.macro store_little at, x
    std Y+\at, \x
    std Y+\at+1, \x+1
    std Y+\at+2, \x+2
    std Y+\at+3, \x+3
.endm

; --- a round -------------------------------------------------------------------------------------------------------

.macro majority add, a, x, s, at, i
    ldd r0, Y+\at+\i
    eor \a+\i, r0
    and \x+\i, \a+\i
    eor \x+\i, r0
    \add \x+\i, \s
.endm

.macro choice add, t, e, g, f, at, i
    ldd \f+\i, Y+\at+\i
    eor \g+\i, \f+\i
    and \g+\i, \e+\i
    eor \g+\i, \f+\i
    \add \t+\i, \g+\i
.endm

.macro constant add, t
    lpm r0, Z+
    \add \t, r0
.endm

; Where the frame has A and E of round i - n; n = 4 is the place that round i takes.
#define E_AT(i, n) (1 + 4 * (((i) - (n)) & 3))
#define A_AT(i, n) (17 + 4 * (((i) - (n)) & 3))

.macro round a, x, e, g, t, f, a2, a4, e3, e4
    copy \f, \a                 ; F = S0(A1) but for R16; Y is lent for a factor
    left \f
    xor_r8 \f, \a
    left \f, 2
    ldi r28, 1 << 6
    xor_left \f+1, \f+2, \f+3, \f, \a, r28
    in r28, _SFR_IO_ADDR(SPL)
    majority add, \a, \x, \f+2, \a2, 0     ; A1 = A1 ^ A2, X = majority + S0
    majority adc, \a, \x, \f+3, \a2, 1
    majority adc, \a, \x, \f, \a2, 2
    majority adc, \a, \x, \f+1, \a2, 3
    copy \f, \e                 ; T += S1(E1)
    right \f, 2
    xor_r16 \f, \e
    right \f
    ldi r28, 1 << 2
    xor_left \f, \f+1, \f+2, \f+3, \e, r28
    in r28, _SFR_IO_ADDR(SPL)
    clr r1
    add_r8 \t, \f
    load_big \f, X+             ; T += W
    add_r0 \t, \f
    constant add, \t            ; T += K
    constant adc, \t+1
    constant adc, \t+2
    constant adc, \t+3
    choice add, \t, \e, \g, \f, \e3, 0     ; T += choice, F = E3
    choice adc, \t, \e, \g, \f, \e3, 1
    choice adc, \t, \e, \g, \f, \e3, 2
    choice adc, \t, \e, \g, \f, \e3, 3
    load_little \g, \a4         ; E0 = A4 + T
    add_r0 \g, \t
    store_little \e4, \g
    add_r0 \x, \t               ; A0 = X + T
    store_little \a4, \x
.endm

; --- a word of the schedule ----------------------------------------------------------------------------------------

; sum: W[t - 16], which becomes W[t]; x: to be W[t - 15]; w: W[t - 2], which is spoiled. r18 to r25 are spoiled.
.macro expand x, sum, w
    load_big \x, X+
    ldi r22, 32                 ; r18 = x >> 3; the bits that fall out are in r0 at last
    mul \x+1, r22
    movw r18, r0
    mul \x+3, r22
    movw r20, r0
    mul \x+2, r22
    eor r19, r0
    eor r20, r1
    mul \x, r22
    eor r18, r1
    clr r1
    copy 22, \x
    xor_r8 22, 18
    eor r24, r0
    left 22
    xor_r8 18, 22
    add_r0 \sum, 18             ; s0(W[t - 15])
    load_big 18, Z+
    add_r0 \sum, 18             ; W[t - 7]
    copy 18, \w
    right 18, 2
    xor_r0 \w, 18
    right \w
    andi r21, 0x3f
    eor \w+2, r19
    eor \w+3, r20
    eor \w, r21
    add_r16 \sum, \w            ; s1(W[t - 2])
    st Y+, \sum+3
    st Y+, \sum+2
    st Y+, \sum+1
    st Y+, \sum
.endm

; -------------------------------------------------------------------------------------------------------------------

.section .progmem.data.sha256_initial, "a", @progbits
.global sha256_initial
.type sha256_initial, @object
sha256_initial:
    .byte 0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a
    .byte 0x51, 0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19
constants:                      ; right behind, where Z is after the initial state
    .long 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
    .long 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
    .long 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
    .long 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
    .long 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
    .long 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
    .long 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
    .long 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

.section .text.sha256_compress, "ax", @progbits
.global sha256_one
.type sha256_one, @function
sha256_one:
    movw r18, r24
    movw r24, r22
    movw r22, r18
    set
    rjmp 1f
.size sha256_one, . - sha256_one

.global sha256_compress
.type sha256_compress, @function
sha256_compress:
    clt                         ; T: the state is the initial one
1:
.irp r, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29
    push \r
.endr
    push r25
    push r24
    movw r26, r24
    ldi r18, 8
    ldi r30, lo8(sha256_initial)
    ldi r31, hi8(sha256_initial)
    brtc 2f
1:
.rept 4
    lpm r0, Z+
    st X+, r0
    push r0
.endr
    dec r18
    brne 1b
    rjmp 3f
2:  ; a's first byte goes highest: h, g, f, e, d, c, b, a from the frame's start, little-endian
.rept 4
    ld r0, X+
    push r0
.endr
    dec r18
    brne 2b
    adiw r30, 32
3:  in r28, _SFR_IO_ADDR(SPL)
    in r29, _SFR_IO_ADDR(SPH)
    movw r26, r22

sixteen:
    load_little 18, E_AT(0, 4)
    load_little 6, E_AT(0, 2)
    load_little 2, E_AT(0, 1)
    load_little 14, A_AT(0, 2)
    load_little 10, A_AT(0, 3)
    xor_r0 14, 10
    load_little 10, A_AT(0, 1)
rounds:
    round 10, 14, 2, 6, 18, 22, A_AT(0, 2), A_AT(0, 4), E_AT(0, 3), E_AT(0, 4)
    round 14, 10, 6, 2, 22, 18, A_AT(1, 2), A_AT(1, 4), E_AT(1, 3), E_AT(1, 4)
    round 10, 14, 2, 6, 18, 22, A_AT(2, 2), A_AT(2, 4), E_AT(2, 3), E_AT(2, 4)
    round 14, 10, 6, 2, 22, 18, A_AT(3, 2), A_AT(3, 4), E_AT(3, 3), E_AT(3, 4)
    mov r22, r30
    subi r22, lo8(constants)
    andi r22, 63
    breq 1f
    rjmp rounds
1:  cpi r30, lo8(constants)
    brne schedule               ; else 64 rounds are done: 256 bytes of constants

    ldd r26, Y+33
    ldd r27, Y+34
    adiw r26, 32
    ldi r18, 8
1:
.irp add, add, adc, adc, adc
    pop r19
    ld r0, -X
    \add r0, r19
    st X, r0
.endr
    dec r18
    brne 1b
    pop r0
    pop r0
.irp r, 29, 28, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2
    pop \r
.endr
    ret

schedule:
    push r30
    push r31
    movw r28, r26               ; the block's end
    ld r10, -Y                  ; W[t - 1]
    ld r11, -Y
    ld r12, -Y
    ld r13, -Y
    ld r14, -Y                  ; W[t - 2]
    ld r15, -Y
    ld r16, -Y
    ld r17, -Y
    sbiw r28, 56
    movw r26, r28
    movw r30, r28
    adiw r30, 36
    load_big 6, X+
    clt                         ; T: in the second four of eight words
words:
    expand 2, 6, 14
    expand 14, 2, 10
    expand 10, 14, 6
    brts 1f
    set
    rjmp 2f
1:  movw r0, r26                ; X or Z is at the end, the other half a block before it
    movw r26, r30
    movw r30, r0
    sbiw r26, 32
    sbiw r30, 32
    clt
2:  expand 6, 10, 2
    brts 3f
    cp r26, r30
    cpc r27, r31
    brcs 4f
3:  rjmp words
4:  movw r26, r28
    subi r26, 64
    sbci r27, 0
    pop r31
    pop r30
    in r28, _SFR_IO_ADDR(SPL)
    in r29, _SFR_IO_ADDR(SPH)
    rjmp sixteen
.size sha256_compress, . - sha256_compress

.section .text.sha256_copy, "ax", @progbits
.global sha256_copy
.type sha256_copy, @function
sha256_copy:
    movw r26, r24
    movw r30, r22
1:
.rept 8
    ld r0, Z+
    st X+, r0
.endr
    dec r20
    brne 1b
    ret
.size sha256_copy, . - sha256_copy

#elif !defined(__AVR__)

/* Without it some linkers take the program for one that wants an executable stack. */
.section .note.GNU-stack, "", %progbits

#endif
