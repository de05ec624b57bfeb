/* number.h - numbers to and from text, exactly and fast.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NUMBER_INTEGER_SIZE_MAX = 20, // "-9223372036854775808", "18446744073709551615"
    NUMBER_DOUBLE_SIZE_MAX = 32,  // The longest output of number_format_double.
    NUMBER_LONG_SIZE_MAX = 5120,  // And of number_format_long; no longer text is read as one.
};

/* Write `value` in decimal to out[NUMBER_INTEGER_SIZE_MAX], no NUL; the length. */
size_t number_format_unsigned(uint64_t value, char *out);
size_t number_format_integer(int64_t value, char *out);

/* Write the shortest decimal that reads back as the same double, in the form
 * Redis 7.2 replies with: "3", "0.1", "-1.5", "1e+30", "inf", "-inf", "nan".
 * out[NUMBER_DOUBLE_SIZE_MAX], no NUL; the length. */
size_t number_format_double(double value, char *out);

/* Read a whole canonical integer: optional '-', no leading zero, plus or blank,
 * within int64_t. False otherwise, *value_out untouched. */
bool number_parse_integer(struct bytes text, int64_t *value_out);

/* The same for uint64_t. */
bool number_parse_unsigned(struct bytes text, uint64_t *value_out);

/* Read a whole double as Redis does: decimal, exponent, hex float, "inf",
 * "+inf", "-infinity" in any case; not "nan", no blanks, at most 255 bytes.
 * False otherwise, *value_out untouched. */
bool number_parse_double(struct bytes text, double *value_out);

/* The same for the bound of a range: beyond the ends of a double's range it becomes an infinity
 * or zero. */
bool number_parse_bound(struct bytes text, double *value_out);

/* Read a whole number for INCRBYFLOAT: as number_parse_double, with the precision and the range
 * of a long double. False otherwise, *value_out untouched. */
bool number_parse_long(struct bytes text, long double *value_out);

/* Write a finite `value` in decimal without exponent, rounded to 17 digits behind the point,
 * zeros at the end left out: "3", "0.1", "10000000000000000000000". out[NUMBER_LONG_SIZE_MAX],
 * no NUL; the length. */
size_t number_format_long(long double value, char *out);
