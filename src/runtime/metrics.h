/* metrics.h - the figures of the workers; their owner is the thread pool.
 *
 * Threads: any.
 */
#pragma once

#include "base/metric.h"

extern const struct metric_group runtime_metrics;
