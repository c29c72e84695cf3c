// One round of SHA-256 and the two functions of its message schedule (FIPS 180-4 sections 4.1.2 and 6.2.2).
//
// `window` points one word below the working variables: window[1] is a, window[8] is h. The round leaves its new a in
// window[0] and its new e in d's place, so that the next round's window starts one word lower.
#pragma once

#include <stdint.h>

namespace qcot {

#ifdef __AVR__

// An AVR shifts by one bit at a time, and a rotation by whole bytes is a matter of naming. So the rotations are nested
// for few single-bit steps: S1(x) = R6(x ^ R5(x ^ R14(x))), S0(x) = R2(x ^ R11(x ^ R9(x))), with R14 = R16 L2,
// R11 = R8 R3, R9 = R8 R1, R6 = R8 L2, R5 = R8 L3. EOR, AND and loads leave the carry alone, so sums run byte by byte.
#define QCOT_L1(x) "lsl %A" x "\n\trol %B" x "\n\trol %C" x "\n\trol %D" x "\n\tadc %A" x ", __zero_reg__\n\t"
#define QCOT_R1(x) "bst %A" x ", 0\n\tror %D" x "\n\tror %C" x "\n\tror %B" x "\n\tror %A" x "\n\tbld %D" x ", 7\n\t"
#define QCOT_COPY(to, from) "movw %A" to ", %A" from "\n\tmovw %C" to ", %C" from "\n\t"
// to ^= R8(from)
#define QCOT_XOR_R8(to, from) \
    "eor %A" to ", %B" from "\n\teor %B" to ", %C" from "\n\teor %C" to ", %D" from "\n\teor %D" to ", %A" from "\n\t"
#define QCOT_CH(n, f, g)                                                                                 \
    "ldd %A[u], %a[p]+" f "\n\tldd %A[v], %a[p]+" g "\n\teor %A[u], %A[v]\n\tand %A[u], %" n "[x]\n\t"    \
    "eor %A[u], %A[v]\n\t"
#define QCOT_MAJ(n, b, c)                                                                                \
    "ldd %A[u], %a[p]+" b "\n\tldd %A[v], %a[p]+" c "\n\teor %A[v], %A[u]\n\teor %" n "[x], %A[u]\n\t"    \
    "and %" n "[x], %A[v]\n\teor %" n "[x], %A[u]\n\t"

inline __attribute__((always_inline)) void sha256_round(uint32_t* window, uint32_t t) {
    uint32_t x, u, v;
    asm volatile(
        // t += h
        "ldd %A[u], %a[p]+32\n\tldd %B[u], %a[p]+33\n\tldd %C[u], %a[p]+34\n\tldd %D[u], %a[p]+35\n\t"
        "add %A[t], %A[u]\n\tadc %B[t], %B[u]\n\tadc %C[t], %C[u]\n\tadc %D[t], %D[u]\n\t"
        // t += S1(e)
        "ldd %A[x], %a[p]+20\n\tldd %B[x], %a[p]+21\n\tldd %C[x], %a[p]+22\n\tldd %D[x], %a[p]+23\n\t"
        QCOT_COPY("[u]", "[x]") QCOT_L1("[u]") QCOT_L1("[u]") QCOT_COPY("[v]", "[x]")
        "eor %A[v], %C[u]\n\teor %B[v], %D[u]\n\teor %C[v], %A[u]\n\teor %D[v], %B[u]\n\t"
        QCOT_L1("[v]") QCOT_L1("[v]") QCOT_L1("[v]") QCOT_COPY("[u]", "[x]") QCOT_XOR_R8("[u]", "[v]")
        QCOT_L1("[u]") QCOT_L1("[u]")
        "add %A[t], %B[u]\n\tadc %B[t], %C[u]\n\tadc %C[t], %D[u]\n\tadc %D[t], %A[u]\n\t"
        // t += Ch(e, f, g) = g ^ (e & (f ^ g))
        QCOT_CH("A", "24", "28") "add %A[t], %A[u]\n\t"
        QCOT_CH("B", "25", "29") "adc %B[t], %A[u]\n\t"
        QCOT_CH("C", "26", "30") "adc %C[t], %A[u]\n\t"
        QCOT_CH("D", "27", "31") "adc %D[t], %A[u]\n\t"
        // e' = d + t
        "ldd %A[u], %a[p]+16\n\tldd %B[u], %a[p]+17\n\tldd %C[u], %a[p]+18\n\tldd %D[u], %a[p]+19\n\t"
        "add %A[u], %A[t]\n\tadc %B[u], %B[t]\n\tadc %C[u], %C[t]\n\tadc %D[u], %D[t]\n\t"
        "std %a[p]+16, %A[u]\n\tstd %a[p]+17, %B[u]\n\tstd %a[p]+18, %C[u]\n\tstd %a[p]+19, %D[u]\n\t"
        // t += S0(a)
        "ldd %A[x], %a[p]+4\n\tldd %B[x], %a[p]+5\n\tldd %C[x], %a[p]+6\n\tldd %D[x], %a[p]+7\n\t"
        QCOT_COPY("[u]", "[x]") QCOT_R1("[u]") QCOT_COPY("[v]", "[x]") QCOT_XOR_R8("[v]", "[u]")
        QCOT_R1("[v]") QCOT_R1("[v]") QCOT_R1("[v]") QCOT_COPY("[u]", "[x]") QCOT_XOR_R8("[u]", "[v]")
        QCOT_R1("[u]") QCOT_R1("[u]")
        "add %A[t], %A[u]\n\tadc %B[t], %B[u]\n\tadc %C[t], %C[u]\n\tadc %D[t], %D[u]\n\t"
        // a' = t + Maj(a, b, c) = b ^ ((a ^ b) & (b ^ c))
        QCOT_MAJ("A", "8", "12") "add %A[t], %A[x]\n\t"
        QCOT_MAJ("B", "9", "13") "adc %B[t], %B[x]\n\t"
        QCOT_MAJ("C", "10", "14") "adc %C[t], %C[x]\n\t"
        QCOT_MAJ("D", "11", "15") "adc %D[t], %D[x]\n\t"
        "st %a[p], %A[t]\n\tstd %a[p]+1, %B[t]\n\tstd %a[p]+2, %C[t]\n\tstd %a[p]+3, %D[t]\n\t"
        : [t] "+r"(t), [x] "=&r"(x), [u] "=&r"(u), [v] "=&r"(v)
        : [p] "b"(window)
        : "memory");
}

// s0(x) = R7(x ^ R11(x)) ^ (x >> 3), where x >> 3 is R3(x) without its upper three bits, and R11 = R8 R3, R7 = R8 L1.
inline uint32_t sigma0(uint32_t x) {
    uint32_t t, out;
    asm(QCOT_COPY("[t]", "[x]") QCOT_R1("[t]") QCOT_R1("[t]") QCOT_R1("[t]")
        QCOT_XOR_R8("[x]", "[t]") QCOT_L1("[x]")
        "ldi %A[o], 0x1f\n\tand %D[t], %A[o]\n\t"
        QCOT_COPY("[o]", "[t]") QCOT_XOR_R8("[o]", "[x]")
        : [x] "+r"(x), [t] "=&r"(t), [o] "=&d"(out));
    return out;
}

// s1(x) = R17(x ^ R2(x)) ^ (x >> 10), where x >> 10 is R2(x) >> 8 without its upper two bits, and R17 = R16 R1.
inline uint32_t sigma1(uint32_t x) {
    uint32_t t, out;
    asm(QCOT_COPY("[t]", "[x]") QCOT_R1("[t]") QCOT_R1("[t]")
        "eor %A[x], %A[t]\n\teor %B[x], %B[t]\n\teor %C[x], %C[t]\n\teor %D[x], %D[t]\n\t" QCOT_R1("[x]")
        "ldi %D[o], 0x3f\n\tand %D[t], %D[o]\n\t"
        "movw %A[o], %C[x]\n\tmovw %C[o], %A[x]\n\t"
        "eor %A[o], %B[t]\n\teor %B[o], %C[t]\n\teor %C[o], %D[t]\n\t"
        : [x] "+r"(x), [t] "=&r"(t), [o] "=&d"(out));
    return out;
}

#undef QCOT_L1
#undef QCOT_R1
#undef QCOT_COPY
#undef QCOT_XOR_R8
#undef QCOT_CH
#undef QCOT_MAJ

#else

template <int N>
constexpr uint32_t ror(uint32_t x) {
    return (x >> N) | (x << (32 - N));
}

inline void sha256_round(uint32_t* window, uint32_t t) {
    const uint32_t a = window[1], b = window[2], c = window[3], e = window[5], f = window[6], g = window[7];
    t += window[8] + (ror<6>(e) ^ ror<11>(e) ^ ror<25>(e)) + (g ^ (e & (f ^ g)));
    window[4] += t;
    window[0] = t + (ror<2>(a) ^ ror<13>(a) ^ ror<22>(a)) + (b ^ ((a ^ b) & (b ^ c)));
}

constexpr uint32_t sigma0(uint32_t x) { return ror<7>(x) ^ ror<18>(x) ^ (x >> 3); }
constexpr uint32_t sigma1(uint32_t x) { return ror<17>(x) ^ ror<19>(x) ^ (x >> 10); }

#endif

}  // namespace qcot
