/* commands.c - makes what is derived from the groups of commands at build time.
 *
 *   commands lookup          the header with the slots of the command table
 *   commands markdown        docs/commands.md
 *   commands check FILE      whether FILE is what `markdown` prints
 */
#include "base/random.h"
#include "command/lookup_internal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS_PER_COMMAND = 4, TRIES = 2000, GROUPS = 5 };

enum group { STRING, GENERIC, ZSET, CONNECTION, SERVER };

struct row {
    const char *name;
    enum group group;
    const char *since;
    const char *complexity;
    const char *usage;
    const char *summary;
};

static const struct row rows[] = {
#define COMMAND(name, arity, flags, keys, handler, group, since, complexity, usage, summary)       \
    {#name, group, since, complexity, usage, summary},
#include "programs/commands.def"
#undef COMMAND
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static uint64_t word_of(const struct row *row)
{
    return lookup_word(bytes_of_string(row->name));
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
    printf("/* Made by tools/commands.c from the groups of commands. */\n");
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

static int lookup(void)
{
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
    print_slots(slots, bits, best);
    free(slots);
    return 0;
}

static void markdown_row(FILE *out, const struct row *row)
{
    fprintf(out, "\n### %s\n\n```\n%s%s%s\n```\n\n", row->name, row->name,
            row->usage[0] == '\0' ? "" : " ", row->usage);
    fprintf(out, "%s.\n\n%s. Since %s.\n", row->summary, row->complexity, row->since);
}

static int markdown(FILE *out)
{
    static const char *const titles[GROUPS] = {"Strings", "Keys of any type", "Sorted sets",
                                               "Connection", "Server"};
    fprintf(out, "# Commands\n\nMade from the rows in `src/handlers` and `src/admin` (`*.def`) by "
                 "`build/src/programs/commands "
                 "markdown`; edit those, not this file.\n"
                 "Semantics and error texts are those of Redis 7.2.\n\n"
                 "In the native text protocol `SET` takes its value as a payload: "
                 "`SET key expiry length`, then the value.\n");
    for (unsigned group = 0; group < GROUPS; group++) {
        fprintf(out, "\n## %s\n", titles[group]);
        for (unsigned i = 0; i < ROWS; i++) {
            if (rows[i].group == group) {
                markdown_row(out, &rows[i]);
            }
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
