/* container.h - from a field to the object around it.
 *
 * Threads: pure.
 */
#pragma once

#include <stddef.h>

/* The object of `type` whose `field` is at `pointer`. */
#define CONTAINER_OF(pointer, type, field)                                                         \
    ((type *)(void *)((char *)(pointer)-offsetof(type, field)))
