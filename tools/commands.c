/* commands.c - makes what is derived from the groups of commands at build time.
 *
 *   commands lookup          the header with the slots of the command table
 *   commands markdown        docs/commands.md
 *   commands check FILE      whether FILE is what `markdown` prints
 */
#include "base/random.h"
#include "command/lookup_internal.h"
#include "command_usage.h"

#define ROW_AT(index)         (&rows[index])
#define ROW_HANDLER(function) NULL
#define ROW_DERIVED(name)     .key_at = 0 // Made here.
#include "command/rows.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS_PER_COMMAND = 4, TRIES = 2000 };

enum {
#define COMMAND    ROW_INDEX
#define CONTAINER  ROW_INDEX_CONTAINER
#define SUBCOMMAND ROW_INDEX_SUBCOMMAND
#include "programs/commands.def"
#undef COMMAND
#undef CONTAINER
#undef SUBCOMMAND
    ROWS
};

static const struct command rows[ROWS] = {
#define COMMAND    ROW_COMMAND
#define CONTAINER  ROW_CONTAINER
#define SUBCOMMAND ROW_SUBCOMMAND
#include "programs/commands.def"
#undef COMMAND
#undef CONTAINER
#undef SUBCOMMAND
};

// The name that macros of a row are given: "get", "config_get".
static const char *identifier(const struct command *row)
{
    static char text[64];
    (void)snprintf(text, sizeof(text), "%s", row->name);
    char *bar = strchr(text, '|');
    if (bar != NULL) {
        *bar = '_';
    }
    return text;
}

// ---- lookup ----

static uint64_t word_of(const struct command *row)
{
    uint64_t word = lookup_word(bytes_of_string(row->word));
    return row->container == NULL ? word : lookup_subword(word, row->container->index);
}

/* What lookup relies on: no two rows have the same word, and no name of a subcommand can be
 * found without its container. */
static bool words_are_sound(void)
{
    for (unsigned i = 0; i < ROWS; i++) {
        if (rows[i].container != NULL &&
            word_of(&rows[i]) == lookup_word(bytes_of_string(rows[i].word))) {
            fprintf(stderr, "%s could be found without its container\n", rows[i].name);
            return false;
        }
        for (unsigned j = 0; j < i; j++) {
            if (word_of(&rows[i]) == word_of(&rows[j])) {
                fprintf(stderr, "%s and %s have the same word\n", rows[i].name, rows[j].name);
                return false;
            }
        }
    }
    return true;
}

static unsigned slot_bits(void)
{
    unsigned bits = 6;
    while ((size_t)1 << bits < (size_t)ROWS * SLOTS_PER_COMMAND) {
        bits++;
    }
    return bits;
}

// Put every command into `slots`; how many probes past the first that takes.
static size_t fill(unsigned *slots, unsigned bits, uint64_t multiplier)
{
    size_t probes = 0;
    size_t mask = ((size_t)1 << bits) - 1;
    memset(slots, 0, (mask + 1) * sizeof(*slots));
    for (unsigned i = 0; i < ROWS; i++) {
        size_t at = word_of(&rows[i]) * multiplier >> (64 - bits);
        while (slots[at] != 0) {
            at = (at + 1) & mask;
            probes++;
        }
        slots[at] = i + 1;
    }
    return probes;
}

static void print_slots(const unsigned *slots, unsigned bits, uint64_t multiplier)
{
    printf("enum { COMMAND_SLOT_BITS = %u };\n", bits);
    printf("#define COMMAND_MULTIPLIER UINT64_C(0x%016llx)\n", (unsigned long long)multiplier);
    printf("static const uint16_t command_slots[1 << COMMAND_SLOT_BITS] = {");
    for (size_t i = 0; i < (size_t)1 << bits; i++) {
        printf("%s%u,", i % 16 == 0 ? "\n    " : " ", slots[i]);
    }
    printf("\n};\nstatic const uint64_t command_words[] = {\n");
    for (unsigned i = 0; i < ROWS; i++) {
        printf("    UINT64_C(0x%016llx), // %s\n", (unsigned long long)word_of(&rows[i]),
               rows[i].name);
    }
    printf("};\n");
}

// ---- fields of the rows ----

// Where a command's only key is, when it has one at a fixed place.
static int key_at(const struct command *row)
{
    const struct key_spec *spec = &row->key_specs[0];
    bool is_one = row->spec_count == 1 && spec->kind == KEYS_IN_RANGE && spec->last == 0;
    return is_one ? spec->from : 0;
}

static unsigned subcommands(const struct command *row)
{
    unsigned count = 0;
    while (row + count + 1 < rows + ROWS && row[count + 1].container == row) {
        count++;
    }
    return count;
}

static void print_fields(void)
{
    unsigned top = 0;
    printf("enum {\n");
    for (unsigned i = 0; i < ROWS; i++) {
        printf("    KEY_AT_%s = %d,\n", identifier(&rows[i]), key_at(&rows[i]));
        printf("    SUBCOMMANDS_%s = %u,\n", identifier(&rows[i]), subcommands(&rows[i]));
        top += rows[i].container == NULL;
    }
    printf("    COMMANDS_TOP = %u,\n};\n", top);
}

// ---- arguments ----

static void print_argument(const struct usage *usage, int index, int key_spec)
{
    static const char *const types[ARGUMENT_TYPES] = {
        [ARGUMENT_STRING] = "ARGUMENT_STRING",   [ARGUMENT_INTEGER] = "ARGUMENT_INTEGER",
        [ARGUMENT_DOUBLE] = "ARGUMENT_DOUBLE",   [ARGUMENT_KEY] = "ARGUMENT_KEY",
        [ARGUMENT_PATTERN] = "ARGUMENT_PATTERN", [ARGUMENT_UNIX_TIME] = "ARGUMENT_UNIX_TIME",
        [ARGUMENT_TOKEN] = "ARGUMENT_TOKEN",     [ARGUMENT_ONEOF] = "ARGUMENT_ONEOF",
        [ARGUMENT_BLOCK] = "ARGUMENT_BLOCK",
    };
    const struct usage_node *node = &usage->nodes[index];
    const struct usage_list children = {node->first, node->last};
    printf("    {.name = \"%s\", .type = %s, .children = %d, .key_spec = %d", node->name,
           types[node->type], usage_length(usage, children), key_spec);
    if (node->token[0] != '\0') {
        printf(", .token = \"%s\"", node->token);
    }
    printf("%s%s},\n", node->is_optional ? ", .is_optional = true" : "",
           node->is_multiple ? ", .is_multiple = true" : "");
}

// The arguments of one row; 0, or 1 when its usage is wrong.
static int print_arguments_of(const struct command *row)
{
    static struct usage usage;
    const char *error;
    if (usage_parse(&usage, row->usage, &error) < 0) {
        fprintf(stderr, "the usage of %s: %s\n", row->name, error);
        return 1;
    }
    printf("#define ARGUMENTS_TOP_%s %d\n", identifier(row), usage_length(&usage, usage.arguments));
    if (usage.arguments.first == 0) {
        printf("#define ARGUMENTS_%s NULL\n", identifier(row));
        return 0;
    }
    printf("#define ARGUMENTS_%s arguments_%s\n", identifier(row), identifier(row));
    printf("static const struct command_argument arguments_%s[] = {\n", identifier(row));
    int keys = 0;
    for (int i = usage.arguments.first; i != 0; i = usage_walk(&usage, i)) {
        bool is_key = usage.nodes[i].type == ARGUMENT_KEY && keys < row->spec_count;
        print_argument(&usage, i, is_key ? keys++ : -1);
    }
    printf("};\n");
    return 0;
}

static int print_arguments(void)
{
    printf("#include \"command/argument.h\"\n");
    for (unsigned i = 0; i < ROWS; i++) {
        if (print_arguments_of(&rows[i]) != 0) {
            return 1;
        }
    }
    return 0;
}

static int lookup(void)
{
    if (!words_are_sound()) {
        return 1;
    }
    unsigned bits = slot_bits();
    unsigned *slots = calloc((size_t)1 << bits, sizeof(*slots));
    if (slots == NULL) {
        return 1;
    }
    struct random random = {1};
    uint64_t best = 0;
    size_t best_probes = SIZE_MAX;
    for (int i = 0; i < TRIES && best_probes > 0; i++) {
        uint64_t multiplier = random_next(&random) | 1;
        size_t probes = fill(slots, bits, multiplier);
        if (probes < best_probes) {
            best = multiplier;
            best_probes = probes;
        }
    }
    (void)fill(slots, bits, best);
    printf("/* Made by tools/commands.c from the groups of commands. */\n");
    print_slots(slots, bits, best);
    print_fields();
    free(slots);
    return print_arguments();
}

// ---- docs/commands.md ----

// "CONFIG GET"
static void print_name(FILE *out, const struct command *row)
{
    for (const char *c = row->name; *c != '\0'; c++) {
        fputc(*c == '|' ? ' ' : *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
    }
}

static void markdown_row(FILE *out, const struct command *row)
{
    fprintf(out, "\n### ");
    print_name(out, row);
    fprintf(out, "\n\n```\n");
    print_name(out, row);
    fprintf(out, "%s%s\n```\n\n", row->usage[0] == '\0' ? "" : " ", row->usage);
    fprintf(out, "%s.\n\n%s. Since %s.\n", row->summary, row->complexity, row->since);
}

// Containers do nothing themselves, and all have HELP.
static bool is_documented(const struct command *row)
{
    return subcommands(row) == 0 && (row->container == NULL || strcmp(row->word, "help") != 0);
}

static int markdown(FILE *out)
{
    static const char *const titles[COMMAND_GROUPS] = {
        [COMMAND_GROUP_STRING] = "Strings",    [COMMAND_GROUP_HASH] = "Hashes",
        [COMMAND_GROUP_LIST] = "Lists",        [COMMAND_GROUP_SET] = "Sets",
        [COMMAND_GROUP_ZSET] = "Sorted sets",  [COMMAND_GROUP_STREAM] = "Streams",
        [COMMAND_GROUP_BITMAP] = "Bitmaps",    [COMMAND_GROUP_HYPERLOGLOG] = "HyperLogLogs",
        [COMMAND_GROUP_GEO] = "Places",        [COMMAND_GROUP_GENERIC] = "Keys of any type",
        [COMMAND_GROUP_PUBSUB] = "Publishing", [COMMAND_GROUP_TRANSACTIONS] = "Transactions",
        [COMMAND_GROUP_SCRIPTING] = "Scripts", [COMMAND_GROUP_CONNECTION] = "Connection",
        [COMMAND_GROUP_SERVER] = "Server",
    };
    fprintf(out, "# Commands\n\nMade from the rows in `src/handlers` and `src/admin` (`*.def`) by "
                 "`build/src/programs/commands "
                 "markdown`; edit those, not this file.\n"
                 "Semantics and error texts are those of Redis 7.2.\n\n"
                 "In the native text protocol `SET` takes its value as a payload: "
                 "`SET key expiry length`, then the value.\n");
    for (unsigned group = 0; group < COMMAND_GROUPS; group++) {
        bool has_title = false;
        for (unsigned i = 0; i < ROWS; i++) {
            if (rows[i].group != group || !is_documented(&rows[i])) {
                continue;
            }
            if (!has_title) {
                fprintf(out, "\n## %s\n", titles[group]);
                has_title = true;
            }
            markdown_row(out, &rows[i]);
        }
    }
    return ferror(out) ? 1 : 0;
}

static int check(const char *path)
{
    char *made = NULL;
    size_t made_size = 0;
    FILE *out = open_memstream(&made, &made_size);
    if (out == NULL || markdown(out) != 0 || fclose(out) != 0) {
        return 1;
    }
    FILE *file = fopen(path, "r");
    char *there = malloc(made_size + 1);
    size_t there_size = file == NULL || there == NULL ? 0 : fread(there, 1, made_size + 1, file);
    bool same = there_size == made_size && made_size > 0 && memcmp(made, there, made_size) == 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    free(there);
    free(made);
    if (!same) {
        fprintf(
            stderr,
            "%s is not what the rows (*.def) say: run build/src/programs/commands markdown > %s\n",
            path, path);
    }
    return same ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "lookup") == 0) {
        return lookup();
    }
    if (argc == 2 && strcmp(argv[1], "markdown") == 0) {
        return markdown(stdout);
    }
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check(argv[2]);
    }
    fprintf(stderr, "usage: commands lookup | markdown | check FILE\n");
    return 2;
}
