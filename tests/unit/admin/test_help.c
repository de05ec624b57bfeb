/* HELP. */
#include "harness.h"
#include "programs/command_table.h"
#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

TEST(help_names_every_command)
{
    struct harness *h = harness_create();
    const char *help = harness_run(h, "HELP");
    for (uint32_t i = 0; i < command_table.count; i += 1U + command_table.rows[i].subcommands) {
        char name[64];
        size_t size = 0;
        for (const char *c = command_table.rows[i].name; *c != '\0'; c++) {
            name[size++] = (char)toupper(*c);
        }
        name[size] = '\0';
        ck_assert_ptr_nonnull(strstr(help, name));
    }
    ck_assert_ptr_null(strstr(help, "|"));
    harness_destroy(h);
}

TEST(help_says_what_a_command_takes_and_does)
{
    struct harness *h = harness_create();
    EXPECT(
        h, "HELP echo",
        "$73\r\nECHO message\nThe message, back.\nCost: O(1). Group: connection. Since 0.1.\r\n");
    EXPECT(h, "HELP nope", "-ERR no such command 'nope'; HELP lists all\r\n");
    EXPECT(h, "HELP config nope", "-ERR no such command 'config'; HELP lists all\r\n");
    for (uint32_t i = 0; i < command_table.count; i++) {
        const struct command *command = &command_table.rows[i];
        char line[64];
        (void)snprintf(line, sizeof(line), "HELP %s %s",
                       command->container == NULL ? "" : command->container->name, command->word);
        ck_assert_int_eq(harness_run(h, line)[0], '$');
    }
    harness_destroy(h);
}

TEST(help_shows_both_forms_of_set)
{
    struct harness *h = harness_create();
    const char *help = harness_run(h, "HELP SET");
    ck_assert_ptr_nonnull(strstr(help, "SET key value [NX | XX | IFEQ value"));
    ck_assert_ptr_nonnull(strstr(help, "SET key expiry length"));
    harness_destroy(h);
}

TEST(help_of_a_container_lists_its_subcommands)
{
    struct harness *h = harness_create();
    const char *help = harness_run(h, "HELP config");
    ck_assert_ptr_nonnull(strstr(help, "CONFIG GET pattern [pattern ...]"));
    harness_destroy(h);
}
