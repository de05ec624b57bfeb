#include "load/report.h"

#include "load/spread.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

static const struct {
    const char *name;
    double share;
} percentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999},
};

enum { PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

/* The figures of a turn that are summed up over turns and compared. */
static const struct {
    const char *json_name;
    const char *title;
    size_t offset;
    bool is_compared;
} measures[] = {
    {"requests_per_second", "requests/s", offsetof(struct turn_figures, requests_per_second), true},
    {"cpu_us_per_request", "CPU/request", offsetof(struct turn_figures, cpu_per_request), true},
    {"p50_us", "p50", offsetof(struct turn_figures, p50), true},
    {"p99_us", "p99", offsetof(struct turn_figures, p99), true},
    {"p999_us", "p99.9", offsetof(struct turn_figures, p999), true},
    {"max_us", "max", offsetof(struct turn_figures, max), true},
    {"load_cpu_share", "load CPU", offsetof(struct turn_figures, load_cpu_share), false},
};

enum { MEASURES = sizeof(measures) / sizeof(measures[0]) };

static double figure_at(const struct contestant *contestant, size_t turn, size_t offset)
{
    const char *figures = (const char *)&contestant->turns[turn];
    return *(const double *)(const void *)(figures + offset);
}

/* Over the turns of one server or, when `base` is given, over the ratios of each
 * of its turns to the turn of `base` just before. */
static struct spread sum_up(const struct contestant *contestant, const struct contestant *base,
                            size_t offset)
{
    double *values = calloc(contestant->turn_count + 1, sizeof(*values));
    size_t count = 0;
    if (values == NULL) {
        return (struct spread){.low = NAN, .median = NAN, .high = NAN};
    }
    for (size_t i = 0; i < contestant->turn_count; i++) {
        if (base != NULL && i >= base->turn_count) {
            break;
        }
        double value = figure_at(contestant, i, offset);
        values[count++] = base == NULL ? value : value / figure_at(base, i, offset);
    }
    struct spread spread = spread_of(values, count);
    free(values);
    return spread;
}

static double latency_us(const struct contestant *contestant, double share)
{
    return (double)histogram_percentile(contestant->latency, share) / 1e3;
}

static void print_heading(const struct options *options, FILE *out)
{
    const struct workload_spec *spec = &options->workload;
    if (spec->command != NULL) {
        (void)fprintf(out, "%s\n", spec->command);
    } else {
        (void)fprintf(out, "%g %% GET, %g %% SET\n", spec->read_share * 100,
                      100 - spec->read_share * 100);
    }
    (void)fprintf(out, "%u connections, pipeline %u, %lu keys ", options->connections,
                  options->pipeline, spec->keys);
    if (spec->theta > 0) {
        (void)fprintf(out, "(zipf %g)", spec->theta);
    } else {
        (void)fputs("(uniform)", out);
    }
    (void)fprintf(out, ", %zu B + %zu B, %s", spec->key_size, spec->value_size,
                  spec->protocol == LOAD_TEXT ? "text" : "resp");
    if (options->rate > 0) {
        (void)fprintf(out, ", %g requests/s from when they are due", options->rate);
    }
    (void)fputs("\n\n", out);
}

static void print_server(const struct contestant *contestant, FILE *out)
{
    struct spread throughput =
        sum_up(contestant, NULL, offsetof(struct turn_figures, requests_per_second));
    struct spread cpu = sum_up(contestant, NULL, offsetof(struct turn_figures, cpu_per_request));
    struct spread load = sum_up(contestant, NULL, offsetof(struct turn_figures, load_cpu_share));
    (void)fprintf(out, "%-16s %11.0f ", contestant->endpoint->name, throughput.median);
    if (isnan(cpu.median)) {
        (void)fprintf(out, "%11s", "-");
    } else {
        (void)fprintf(out, "%11.3f", cpu.median);
    }
    for (unsigned i = 0; i < PERCENTILES; i++) {
        (void)fprintf(out, " %8.1f", latency_us(contestant, percentiles[i].share));
    }
    (void)fprintf(out, " %9.1f %7.0f%% %8lu\n", (double)contestant->latency->max / 1e3,
                  load.median * 100, contestant->tally.errors);
}

static void print_notes(const struct contestant *contestant, FILE *out)
{
    const char *name = contestant->endpoint->name;
    if (contestant->tally.errors > 0) {
        (void)fprintf(out, "%s: first error: %.*s\n", name, contestant->tally.error_size,
                      contestant->tally.error);
    }
    if (contestant->unsent > 0) {
        (void)fprintf(out, "%s: could not keep the rate; %lu requests that were due never left\n",
                      name, contestant->unsent);
    }
}

static void print_ratios(const struct contestant *contestant, const struct contestant *base,
                         FILE *out)
{
    (void)fprintf(out, "%-16s", contestant->endpoint->name);
    for (unsigned i = 0; i < MEASURES; i++) {
        struct spread ratio = sum_up(contestant, base, measures[i].offset);
        if (!measures[i].is_compared) {
            continue;
        }
        if (isnan(ratio.median)) {
            (void)fprintf(out, " %20s", "-");
        } else {
            char text[64];
            (void)snprintf(text, sizeof(text), "%.3f (%.3f-%.3f)", ratio.median, ratio.low,
                           ratio.high);
            (void)fprintf(out, " %20s", text);
        }
    }
    (void)fputc('\n', out);
}

void report_print_table(const struct session *session, FILE *out)
{
    print_heading(session->options, out);
    (void)fprintf(out, "%-16s %11s %11s", "", "requests/s", "CPU us/req");
    for (unsigned i = 0; i < PERCENTILES; i++) {
        (void)fprintf(out, " %5s us", percentiles[i].name);
    }
    (void)fprintf(out, " %6s us %8s %8s\n", "max", "load CPU", "errors");
    for (unsigned i = 0; i < session->count; i++) {
        if (session->contestants[i].turn_count > 0) {
            print_server(&session->contestants[i], out);
        }
    }
    for (unsigned i = 0; i < session->count; i++) {
        print_notes(&session->contestants[i], out);
    }
    if (session->count < 2) {
        return;
    }
    const struct contestant *base = &session->contestants[0];
    (void)fprintf(out, "\nRatios to %s, turn by turn: median (quartiles) of %zu\n%-16s",
                  base->endpoint->name, base->turn_count, "");
    for (unsigned i = 0; i < MEASURES; i++) {
        if (measures[i].is_compared) {
            (void)fprintf(out, " %20s", measures[i].title);
        }
    }
    (void)fputc('\n', out);
    for (unsigned i = 1; i < session->count; i++) {
        print_ratios(&session->contestants[i], base, out);
    }
}

static void json_string(FILE *out, const char *text, size_t size)
{
    (void)fputc('"', out);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            (void)fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fputc(c, out);
        }
    }
    (void)fputc('"', out);
}

static void json_text(FILE *out, const char *text)
{
    json_string(out, text, bytes_of_string(text).size);
}

static void json_number(FILE *out, double value)
{
    if (isfinite(value)) {
        (void)fprintf(out, "%.6g", value);
    } else {
        (void)fputs("null", out);
    }
}

static void json_spread(FILE *out, struct spread spread)
{
    (void)fputs("{\"median\": ", out);
    json_number(out, spread.median);
    (void)fputs(", \"q1\": ", out);
    json_number(out, spread.low);
    (void)fputs(", \"q3\": ", out);
    json_number(out, spread.high);
    (void)fputc('}', out);
}

static void json_turns(FILE *out, const struct contestant *contestant)
{
    (void)fputs("\"turns\": [", out);
    for (size_t turn = 0; turn < contestant->turn_count; turn++) {
        (void)fputs(turn == 0 ? "{" : ", {", out);
        for (unsigned i = 0; i < MEASURES; i++) {
            (void)fprintf(out, "%s\"%s\": ", i == 0 ? "" : ", ", measures[i].json_name);
            json_number(out, figure_at(contestant, turn, measures[i].offset));
        }
        (void)fputc('}', out);
    }
    (void)fputc(']', out);
}

static void json_measures(FILE *out, const struct contestant *contestant,
                          const struct contestant *base)
{
    bool first = true;
    for (unsigned i = 0; i < MEASURES; i++) {
        if (base == NULL || measures[i].is_compared) {
            (void)fprintf(out, "%s\"%s\": ", first ? "" : ", ", measures[i].json_name);
            json_spread(out, sum_up(contestant, base, measures[i].offset));
            first = false;
        }
    }
}

static void json_server(FILE *out, const struct contestant *contestant,
                        const struct contestant *base)
{
    (void)fputs("{\"name\": ", out);
    json_text(out, contestant->endpoint->name);
    (void)fprintf(out, ", \"requests\": %lu, \"errors\": %lu, \"unsent\": %lu, \"cpu_source\": ",
                  contestant->tally.replies, contestant->tally.errors, contestant->unsent);
    json_text(out, server_cpu_source_name(contestant->cpu.source));
    (void)fputs(",\n   \"first_error\": ", out);
    json_string(out, contestant->tally.error, contestant->tally.error_size);
    (void)fputs(",\n   \"latency_us\": {", out);
    for (unsigned i = 0; i < PERCENTILES; i++) {
        (void)fprintf(out, "\"%s\": ", percentiles[i].name);
        json_number(out, latency_us(contestant, percentiles[i].share));
        (void)fputs(", ", out);
    }
    (void)fputs("\"max\": ", out);
    json_number(out, (double)contestant->latency->max / 1e3);
    (void)fputs("},\n   \"median\": {", out);
    json_measures(out, contestant, NULL);
    (void)fputs("},\n   \"against_first\": {", out);
    json_measures(out, contestant, base);
    (void)fputs("},\n   ", out);
    json_turns(out, contestant);
    (void)fputc('}', out);
}

void report_print_json(const struct session *session, FILE *out)
{
    const struct options *options = session->options;
    const struct workload_spec *spec = &options->workload;
    (void)fprintf(out,
                  "{\"connections\": %u, \"pipeline\": %u, \"keys\": %lu, \"zipf\": %g, "
                  "\"key_size\": %zu, \"value_size\": %zu, \"read_share\": %g, \"rate\": %g, "
                  "\"protocol\": \"%s\", \"command\": ",
                  options->connections, options->pipeline, spec->keys, spec->theta, spec->key_size,
                  spec->value_size, spec->read_share, options->rate,
                  spec->protocol == LOAD_TEXT ? "text" : "resp");
    if (spec->command != NULL) {
        json_text(out, spec->command);
    } else {
        (void)fputs("null", out);
    }
    (void)fputs(",\n \"servers\": [", out);
    for (unsigned i = 0; i < session->count; i++) {
        (void)fputs(i == 0 ? "\n  " : ",\n  ", out);
        json_server(out, &session->contestants[i], &session->contestants[0]);
    }
    (void)fputs("]}\n", out);
}
