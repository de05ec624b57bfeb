/* metric.h - a module's figures as a table of rows.
 *
 *   rows of runtime, store, server ... ──> server/metrics: INFO
 *
 * Threads: constant data; `read` and `print` are called by any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { METRIC_TEXT_MAX = 256 };

enum metric_kind {
    METRIC_COUNTER, // Grows; CONFIG RESETSTAT lets it begin at zero again.
    METRIC_GAUGE,   // Goes up and down.
    METRIC_TEXT,
};

struct metric {
    const char *section; // Of INFO, in lower case.
    const char *name;
    enum metric_kind kind;
    const char *text; // A text that is always the same.
    /* The number; `owner` is the object of the row's module. */
    uint64_t (*read)(const void *owner, const struct metric *metric);
    void (*print)(const void *owner, char out[METRIC_TEXT_MAX]);
    size_t offset; // For `read`: of the field.
};

struct metric_group {
    const struct metric *rows;
    size_t count;
};
