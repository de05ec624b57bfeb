/* digest.h - the digest of a string that clients see: XXH3 with 64 bits and no secret.
 *
 * For comparing, not for tables: whoever chooses the strings can make them collide.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIGEST_TEXT_SIZE = 16 };

uint64_t digest_of(struct bytes text);

/* Write it as 16 lower-case hexadecimal digits to out[DIGEST_TEXT_SIZE], no NUL. */
void digest_format(uint64_t digest, char *out);

/* Read 16 hexadecimal digits, upper or lower case. False otherwise, *digest_out untouched. */
bool digest_parse(struct bytes text, uint64_t *digest_out);
