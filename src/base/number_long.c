/* Numbers of INCRBYFLOAT: long doubles, without exponents. */
#include "base/number.h"

#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool number_parse_long(struct bytes text, long double *value_out)
{
    char copy[NUMBER_LONG_SIZE_MAX];
    if (text.size == 0 || text.size >= sizeof(copy) || isspace((unsigned char)text.data[0])) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *end;
    errno = 0;
    long double value = strtold(copy, &end); // In the process's locale, which is "C".
    if ((size_t)(end - copy) != text.size || isnan(value)) {
        return false;
    }
    if (errno == ERANGE && (isinf(value) || value == 0)) {
        return false;
    }
    *value_out = value;
    return true;
}

size_t number_format_long(long double value, char *out)
{
    enum { DECIMALS = 17 };
    ASSERT(isfinite(value));
    int written = snprintf(out, NUMBER_LONG_SIZE_MAX, "%.*Lf", DECIMALS, value);
    ASSERT(written > DECIMALS && written < NUMBER_LONG_SIZE_MAX);
    size_t size = (size_t)written;
    while (out[size - 1] == '0') { // The point ends it.
        size--;
    }
    if (out[size - 1] == '.') {
        size--;
    }
    if (size == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        size = 1;
    }
    return size;
}
