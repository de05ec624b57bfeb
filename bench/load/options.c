#include "load/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 60000, PIPELINE_MAX = 1 << 20, KEY_SIZE_MAX = 1024, VALUE_MIB_MAX = 512 };

/* A parser stores what `text` says; false when it makes no sense. */
typedef bool option_parser(struct options *options, const char *text, struct problem *problem);

struct option {
    const char *name;
    const char *argument; // NULL: a switch.
    option_parser *parse;
    const char *help;
};

static bool parse_double(const char *text, double low, double high, double *value_out)
{
    char *rest = NULL;
    double value = strtod(text, &rest);
    if (*text == '\0' || *rest != '\0' || !(value >= low && value <= high)) {
        return false;
    }
    *value_out = value;
    return true;
}

static bool parse_unsigned(const char *text, uint64_t low, uint64_t high, uint64_t *value_out)
{
    char *rest = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &rest, 10);
    if (*text < '0' || *text > '9' || *rest != '\0' || errno != 0 || value < low || value > high) {
        return false;
    }
    *value_out = value;
    return true;
}

static bool parse_server(struct options *options, const char *text, struct problem *problem)
{
    if (options->server_count == OPTIONS_SERVERS_MAX) {
        (void)problem_set(problem, "more than %d servers", OPTIONS_SERVERS_MAX);
        return false;
    }
    return endpoint_parse(&options->servers[options->server_count++], text, problem) == 0;
}

#define PARSER(name)                                                                               \
    static bool name(struct options *options, const char *text,                                    \
                     struct problem *problem __attribute__((unused)))

#define SWITCH(name)                                                                               \
    static bool name(struct options *options, const char *text __attribute__((unused)),            \
                     struct problem *problem __attribute__((unused)))

PARSER(parse_connections)
{
    uint64_t value = 0;
    bool valid = parse_unsigned(text, 1, CONNECTIONS_MAX, &value);
    options->connections = (unsigned)value;
    return valid;
}

PARSER(parse_pipeline)
{
    uint64_t value = 0;
    bool valid = parse_unsigned(text, 1, PIPELINE_MAX, &value);
    options->pipeline = (unsigned)value;
    return valid;
}

PARSER(parse_keys)
{
    return parse_unsigned(text, 1, UINT64_C(1000000000000), &options->workload.keys);
}

PARSER(parse_distribution)
{
    if (strcmp(text, "uniform") == 0) {
        options->workload.theta = 0;
        return true;
    }
    if (strcmp(text, "zipf") == 0) {
        options->workload.theta = 0.99; // YCSB's.
        return true;
    }
    size_t prefix = strlen("zipf:");
    return strncmp(text, "zipf:", prefix) == 0 &&
           parse_double(text + prefix, 0.01, 10, &options->workload.theta);
}

PARSER(parse_key_size)
{
    return parse_unsigned(text, 1, KEY_SIZE_MAX, &options->workload.key_size);
}

PARSER(parse_value_size)
{
    return parse_unsigned(text, 0, (uint64_t)VALUE_MIB_MAX << 20, &options->workload.value_size);
}

PARSER(parse_read_share)
{
    return parse_double(text, 0, 1, &options->workload.read_share);
}

PARSER(parse_command)
{
    options->workload.command = text;
    return true;
}

SWITCH(parse_populate)
{
    options->populates = true;
    return true;
}

PARSER(parse_populate_command)
{
    options->populates = true;
    options->workload.populate_command = text;
    return true;
}

PARSER(parse_duration)
{
    return parse_double(text, 0, 1e6, &options->duration_s);
}

PARSER(parse_turn)
{
    return parse_double(text, 0.001, 1e6, &options->turn_s);
}

PARSER(parse_warmup)
{
    return parse_double(text, 0, 1e6, &options->warmup_s);
}

PARSER(parse_rate)
{
    return parse_double(text, 0.001, 1e8, &options->rate);
}

SWITCH(parse_spin)
{
    options->spins = true;
    return true;
}

PARSER(parse_protocol)
{
    options->workload.protocol = strcmp(text, "text") == 0 ? LOAD_TEXT : LOAD_RESP;
    return strcmp(text, "text") == 0 || strcmp(text, "resp") == 0;
}

PARSER(parse_io)
{
    static const char *const names[] = {
        [LOOP_AUTO] = "auto", [LOOP_URING] = "uring", [LOOP_EPOLL] = "epoll"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            options->io = (enum loop_kind)i;
            return true;
        }
    }
    return false;
}

PARSER(parse_seed)
{
    return parse_unsigned(text, 0, UINT64_MAX, &options->workload.seed);
}

SWITCH(parse_json)
{
    options->json = true;
    return true;
}

SWITCH(parse_request_bytes)
{
    options->shows_request_bytes = true;
    return true;
}

static const struct option table[] = {
    {"server", "SERVER", parse_server,
     "put this server under load, see below; repeat it to compare several"},
    {"connections", "N", parse_connections, "connections to each server (50)"},
    {"pipeline", "N", parse_pipeline, "requests under way on a connection (1)"},
    {"keys", "N", parse_keys, "how many keys there are (1000000)"},
    {"distribution", "D", parse_distribution, "uniform, zipf or zipf:THETA (uniform)"},
    {"key-size", "BYTES", parse_key_size, "size of a key, `key:` and digits (16)"},
    {"value-size", "BYTES", parse_value_size, "size of a value (64)"},
    {"read-share", "SHARE", parse_read_share, "share of GETs from 0 to 1; the rest are SETs (0.9)"},
    {"command", "TEMPLATE", parse_command, "send this command instead of GET and SET, see below"},
    {"populate", NULL, parse_populate, "SET every key first"},
    {"populate-command", "TEMPLATE", parse_populate_command,
     "send this command once for every key first"},
    {"duration", "SECONDS", parse_duration, "measured time for each server (10); 0: populate only"},
    {"turn", "SECONDS", parse_turn, "servers take turns of this length (1)"},
    {"warmup", "SECONDS", parse_warmup, "time before that, which does not count (0.5)"},
    {"rate", "N", parse_rate, "send N requests a second; latency counts from when each was due"},
    {"spin", NULL, parse_spin, "with --rate: poll, not sleep, until the next request is due"},
    {"protocol", "P", parse_protocol, "resp or text, the native protocol (resp)"},
    {"io", "KIND", parse_io, "event loop of the load: auto, uring or epoll (auto)"},
    {"seed", "N", parse_seed, "of the random numbers (1)"},
    {"json", NULL, parse_json, "print JSON"},
    {"request-bytes", NULL, parse_request_bytes, "print the size of a floor's requests and stop"},
};

enum { OPTION_COUNT = sizeof(table) / sizeof(table[0]) };

static const char help_head[] = "Usage: fastkv-bench [OPTION]...\n"
                                "Put load on key-value servers and say what they take for it.\n\n";

static const char help_tail[] =
    "  --help                      print this\n"
    "  --version                   print the version\n"
    "\n"
    "SERVER is [NAME=]HOST:PORT or [NAME=]/PATH (fastkv=127.0.0.1:1234), followed by\n"
    "  ,pid=N   its process, whose CPU time is then read from /proc instead of INFO\n"
    "  ,floor   it answers by counting bytes: send requests of one size and nothing else\n"
    "\n"
    "TEMPLATE is a command line with placeholders:\n"
    "  __key__            a key number, zero-padded to --key-size less 4 digits\n"
    "  __rand__           an integer of 10 digits\n"
    "  __rand:LOW:HIGH__  an integer from LOW to HIGH, of equally many digits\n"
    "  __same+N__         the last integer plus N\n"
    "  __score__          a number like 483920.123456789\n"
    "  __value__          --value-size letters and digits\n"
    "For example --command 'ZADD board __rand__ member:__key__'.\n"
    "\n"
    "With several servers each has its turn again and again (A B A B); medians are over\n"
    "turns, and ratios compare each turn with the first server's turn just before.\n";

void options_print_help(FILE *out)
{
    (void)fputs(help_head, out);
    for (const struct option *option = table; option < table + OPTION_COUNT; option++) {
        char left[40];
        (void)snprintf(left, sizeof(left), "--%s%s%s", option->name,
                       option->argument != NULL ? " " : "",
                       option->argument != NULL ? option->argument : "");
        (void)fprintf(out, "  %-27s %s\n", left, option->help);
    }
    (void)fputs(help_tail, out);
}

static const struct option *find_option(const char *name, size_t size)
{
    for (const struct option *option = table; option < table + OPTION_COUNT; option++) {
        if (strlen(option->name) == size && memcmp(option->name, name, size) == 0) {
            return option;
        }
    }
    return NULL;
}

/* Read the option at argv[0]; how many words it took, or -1. */
static int parse_option(struct options *options, int argc, const char *const *argv,
                        struct problem *problem)
{
    const char *word = argv[0];
    size_t name_size = strcspn(word, "=");
    const struct option *option =
        strncmp(word, "--", 2) == 0 ? find_option(word + 2, name_size - 2) : NULL;
    if (option == NULL) {
        return problem_set(problem, "unknown option '%s'; --help lists them", word);
    }
    const char *argument = word[name_size] == '=' ? word + name_size + 1 : NULL;
    if (option->argument == NULL && argument != NULL) {
        return problem_set(problem, "--%s takes no value", option->name);
    }
    int taken = 1;
    if (option->argument != NULL && argument == NULL) {
        if (argc < 2) {
            return problem_set(problem, "--%s needs a value: %s", option->name, option->help);
        }
        argument = argv[1];
        taken = 2;
    }
    problem->text[0] = '\0';
    if (!option->parse(options, argument, problem)) {
        return problem->text[0] != '\0' ? -1
                                        : problem_set(problem, "--%s cannot be '%s': %s",
                                                      option->name, argument, option->help);
    }
    return taken;
}

enum options_outcome options_parse(struct options *options, int argc, const char *const *argv,
                                   struct problem *problem)
{
    *options = (struct options){
        .workload =
            {.keys = 1000000, .key_size = 16, .value_size = 64, .read_share = 0.9, .seed = 1},
        .connections = 50,
        .pipeline = 1,
        .duration_s = 10,
        .turn_s = 1,
        .warmup_s = 0.5,
        .io = LOOP_AUTO,
    };
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0) {
            return OPTIONS_HELP;
        }
        if (strcmp(argv[i], "--version") == 0) {
            return OPTIONS_VERSION;
        }
        int taken = parse_option(options, argc - i, argv + i, problem);
        if (taken < 0) {
            return OPTIONS_WRONG;
        }
        i += taken;
    }
    if (options->server_count == 0 && endpoint_parse(&options->servers[options->server_count++],
                                                     "fastkv=127.0.0.1:1234", problem) != 0) {
        return OPTIONS_WRONG;
    }
    return OPTIONS_RUN;
}
