/* What lines.c and reading.c share: eight bytes at a time, whole numbers into digits and back. */

#ifndef UNDERTOW_DIGITS_H
#define UNDERTOW_DIGITS_H
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "eight bytes are read as a number, the first one lowest"
#endif
#if FLT_EVAL_METHOD != 0
#error "a quotient has to be rounded once, to a double"
#endif

#define EACH(byte) (0x0101010101010101ULL * (byte))

static inline uint64_t eight_of(const char *at) {
    uint64_t eight;
    memcpy(&eight, at, 8);
    return eight;
}

/* ---- written: each returns where the next byte goes ---- */

static const char PAIRS[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static inline char *put_pair(char *at, unsigned value) {
    memcpy(at, PAIRS + 2 * value, 2);
    return at + 2;
}

static inline char *put_eight(char *at, uint32_t value) {
    uint32_t high = value / 10000, low = value % 10000;
    at = put_pair(put_pair(at, high / 100), high % 100);
    return put_pair(put_pair(at, low / 100), low % 100);
}

static inline char *put_first(char *at, uint32_t value) { /* below 100, without a zero before it */
    if (value >= 10) return put_pair(at, value);
    *at = (char)('0' + value);
    return at + 1;
}

static inline char *put_small(char *at, uint32_t value) { /* below 10^8, without zeros before it */
    if (value < 100) return put_first(at, value);
    if (value < 10000) return put_pair(put_first(at, value / 100), value % 100);
    uint32_t high = value / 10000, low = value % 10000;
    at = high < 100 ? put_first(at, high) : put_pair(put_first(at, high / 100), high % 100);
    return put_pair(put_pair(at, low / 100), low % 100);
}

static inline char *put_whole(char *at, uint64_t value) {
    if (value < 100000000) return put_small(at, (uint32_t)value);
    uint64_t high = value / 100000000;
    uint32_t low = (uint32_t)(value - high * 100000000);
    if (high < 100000000) return put_eight(put_small(at, (uint32_t)high), low);
    uint64_t highest = high / 100000000;
    at = put_small(at, (uint32_t)highest);
    return put_eight(put_eight(at, (uint32_t)(high - highest * 100000000)), low);
}

/* A decimal of at most 15 digits is the shortest of its double and the only one as short (IEEE 754, 5.12.2): where a
   number of millionths below 10^15 divides to the very value, its digits are those to print. Both of the quotient are
   exact in a double, so that it is rounded once, as a reader of the digits rounds them. NULL where it has more digits. */
static inline char *put_decimal(char *at, double value) {
    double size = fabs(value);
    if (!(size < 1e9) || (size == 0.0 && signbit(value))) return NULL;
    uint64_t millionths = (uint64_t)(size * 1e6 + 0.5);
    if ((double)millionths / 1e6 != size) return NULL;
    if (value < 0) *at++ = '-';
    if (millionths != 0 && millionths < 10) { /* as msgspec writes a single digit that small */
        *at = (char)('0' + millionths);
        memcpy(at + 1, "e-6", 3);
        return at + 4;
    }
    uint32_t part = (uint32_t)(millionths % 1000000);
    at = put_whole(at, millionths / 1000000);
    *at = '.';
    put_pair(at + 1, part / 10000);
    put_pair(at + 3, part / 100 % 100);
    put_pair(at + 5, part % 100);
    int last = 6;
    while (last > 1 && at[last] == '0') last--;
    return at + last + 1;
}

/* ---- read ---- */

/* Where a line is read; `at` is moved past what was understood. */
typedef struct {
    const char *at, *end;
} In;

static inline int is_digit(char byte) { return (unsigned char)(byte - '0') < 10; }

/* Reads up to 19 digits into `value`, moves past them and returns how many there were; 20 where there are more. */
static inline int digits(In *in, uint64_t *value) {
    const char *began = in->at, *at = began;
    uint64_t sum = *value;
    while (in->end - at >= 8 && at - began <= 8) {
        uint64_t eight = eight_of(at);
        if (((eight & EACH(0xf0)) ^ EACH(0x30)) | (((eight + EACH(6)) & EACH(0xf0)) ^ EACH(0x30))) break;
        eight = (eight & EACH(0x0f)) * 2561 >> 8;
        eight = (eight & 0x00ff00ff00ff00ffULL) * 6553601 >> 16;
        sum = sum * 100000000 + ((eight & 0x0000ffff0000ffffULL) * 42949672960001ULL >> 32);
        at += 8;
    }
    for (; at < in->end && is_digit(*at); at++) {
        if (at - began == 19) return 20;
        sum = sum * 10 + (uint64_t)(*at - '0');
    }
    *value = sum;
    in->at = at;
    return (int)(at - began);
}

#endif
