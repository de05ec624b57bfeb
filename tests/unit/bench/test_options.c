#include "load/options.h"

#include "load/server_cpu.h"
#include "unit.h"

static struct options parse(int argc, const char *const *argv)
{
    struct options options;
    struct problem problem;
    ck_assert_int_eq(options_parse(&options, argc, argv, &problem), OPTIONS_RUN);
    return options;
}

static void check_refused(const char *option, const char *value, const char *reason)
{
    struct options options;
    struct problem problem = {0};
    const char *argv[] = {"fastkv-bench", option, value};
    int argc = value == NULL ? 2 : 3;
    ck_assert_int_eq(options_parse(&options, argc, argv, &problem), OPTIONS_WRONG);
    ck_assert_msg(strstr(problem.text, reason) != NULL, "%s", problem.text);
}

TEST(without_options_the_usual_server_is_measured)
{
    const char *argv[] = {"fastkv-bench"};
    struct options options = parse(1, argv);
    ck_assert_uint_eq(options.server_count, 1);
    ck_assert_str_eq(options.servers[0].name, "fastkv");
    ck_assert_str_eq(options.servers[0].port, "1234");
    ck_assert_uint_eq(options.connections, 50);
}

TEST(values_follow_a_blank_or_an_equals_sign)
{
    const char *argv[] = {
        "fastkv-bench", "--pipeline=16", "--keys", "10",        "--distribution=zipf:0.8",
        "--protocol",   "text",          "--json", "--command", "GET a=b"};
    struct options options = parse(10, argv);
    ck_assert_uint_eq(options.pipeline, 16);
    ck_assert_uint_eq(options.workload.keys, 10);
    ck_assert_double_eq(options.workload.theta, 0.8);
    ck_assert_int_eq(options.workload.protocol, LOAD_TEXT);
    ck_assert(options.json);
    ck_assert_str_eq(options.workload.command, "GET a=b");
}

TEST(wrong_options_are_refused_with_a_reason)
{
    check_refused("--bogus", NULL, "unknown option '--bogus'");
    check_refused("pipeline", "1", "unknown option 'pipeline'");
    check_refused("--pipeline", NULL, "needs a value");
    check_refused("--pipeline", "0", "cannot be '0'");
    check_refused("--pipeline", "1x", "cannot be '1x'");
    check_refused("--pipeline", "-1", "cannot be '-1'");
    check_refused("--json=1", NULL, "takes no value");
    check_refused("--read-share", "1.5", "cannot be '1.5'");
    check_refused("--read-share", "nan", "cannot be 'nan'");
    check_refused("--distribution", "zipf:", "cannot be");
    check_refused("--io", "kqueue", "cannot be");
    check_refused("--server", "nowhere", "cannot read server 'nowhere'");
}

TEST(servers_are_named_and_described)
{
    struct endpoint endpoint;
    struct problem problem;
    ck_assert_int_eq(endpoint_parse(&endpoint, "a=localhost:70,pid=12,floor", &problem), 0);
    ck_assert_str_eq(endpoint.name, "a");
    ck_assert_str_eq(endpoint.host, "localhost");
    ck_assert_str_eq(endpoint.port, "70");
    ck_assert_int_eq(endpoint.pid, 12);
    ck_assert(endpoint.is_floor);
    ck_assert_int_eq(endpoint_parse(&endpoint, "b=[::1]:71", &problem), 0);
    ck_assert_str_eq(endpoint.host, "::1");
    ck_assert_int_eq(endpoint_parse(&endpoint, "c=/run/some.sock,pid=3", &problem), 0);
    ck_assert_str_eq(endpoint.host, "/run/some.sock");
    ck_assert_int_eq(endpoint.pid, 3);
    ck_assert_int_eq(endpoint_parse(&endpoint, "127.0.0.1:6379", &problem), 0);
    ck_assert_str_eq(endpoint.name, "127.0.0.1:6379");
}

TEST(wrong_servers_are_refused)
{
    static const char *const wrong[] = {"",
                                        "a",
                                        "=h:1",
                                        "a=",
                                        "a=h:",
                                        "a=:1",
                                        "a=h:1,pid=",
                                        "a=h:1,pid=x",
                                        "a=h:1,pid=0",
                                        "a=h:1,nonsense",
                                        "a=h:123456789"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct endpoint endpoint;
        struct problem problem;
        ck_assert_msg(endpoint_parse(&endpoint, wrong[i], &problem) == -1, "%s", wrong[i]);
    }
}

TEST(cpu_time_is_found_in_info)
{
    uint64_t ns = 0;
    ck_assert_int_eq(server_cpu_parse_info("$99\r\n# CPU\r\nused_cpu_sys:1.500000\r\n"
                                           "used_cpu_user:0.250001\r\nused_cpu_user_main:9\r\n",
                                           &ns),
                     0);
    ck_assert_uint_eq(ns, 1750001000);
    ck_assert_int_eq(server_cpu_parse_info("-ERR unknown command\r\n", &ns), -1);
    ck_assert_uint_eq(ns, 1750001000);
}
