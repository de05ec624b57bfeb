/* requests.h - what holds for every stream of requests, in either protocol.
 *
 * Threads: one at a time.
 */
#pragma once

#include "proto/request.h"

#include <stddef.h>
#include <stdint.h>

/* Abort unless `data` is read the same in one piece and in pieces: the first byte says how
 * long these are and how small the space for arguments is at first, the rest is the
 * stream. */
void check_requests(enum protocol protocol, const uint8_t *data, size_t size);

/* One target's entry point, called by libFuzzer and by replay.c. */
// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
