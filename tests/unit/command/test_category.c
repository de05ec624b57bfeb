#include "command/category.h"

#include "programs/command_table.h"
#include "unit.h"

static void check(const char *name, uint32_t expected)
{
    const struct command *command = command_find_full(&command_table, bytes_of_string(name));
    ck_assert_ptr_nonnull(command);
    ck_assert_msg(command_categories(command) == expected, "%s", name);
}

TEST(categories_are_those_of_redis)
{
    check("get", 1U << CATEGORY_READ | 1U << CATEGORY_STRING | 1U << CATEGORY_FAST);
    check("set", 1U << CATEGORY_WRITE | 1U << CATEGORY_STRING | 1U << CATEGORY_SLOW);
    check("zadd", 1U << CATEGORY_WRITE | 1U << CATEGORY_SORTEDSET | 1U << CATEGORY_FAST);
    check("zrange", 1U << CATEGORY_READ | 1U << CATEGORY_SORTEDSET | 1U << CATEGORY_SLOW);
    check("keys", 1U << CATEGORY_KEYSPACE | 1U << CATEGORY_READ | 1U << CATEGORY_SLOW |
                      1U << CATEGORY_DANGEROUS);
    check("flushall", 1U << CATEGORY_KEYSPACE | 1U << CATEGORY_WRITE | 1U << CATEGORY_SLOW |
                          1U << CATEGORY_DANGEROUS);
    check("config|get", 1U << CATEGORY_ADMIN | 1U << CATEGORY_SLOW | 1U << CATEGORY_DANGEROUS);
    check("client|id", 1U << CATEGORY_SLOW | 1U << CATEGORY_CONNECTION);
    check("ping", 1U << CATEGORY_FAST | 1U << CATEGORY_CONNECTION);
    check("info", 1U << CATEGORY_SLOW | 1U << CATEGORY_DANGEROUS);
}

TEST(categories_are_found_by_name)
{
    enum command_category category;
    for (int i = 0; i < CATEGORIES; i++) {
        ck_assert(
            category_parse(bytes_of_string(category_name((enum command_category)i)), &category));
        ck_assert_int_eq(category, i);
    }
    ck_assert(category_parse(BYTES("SortedSet"), &category));
    ck_assert_int_eq(category, CATEGORY_SORTEDSET);
    ck_assert(!category_parse(BYTES("sorted"), &category));
    ck_assert(!category_parse(BYTES(""), &category));
}
