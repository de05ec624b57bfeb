/* INCREX. */
#include "harness.h"
#include "unit.h"

TEST(increx_answers_the_sum_and_what_was_added)
{
    struct harness *h = harness_create();
    EXPECT(h, "INCREX k", "*2\r\n:1\r\n:1\r\n");
    EXPECT(h, "INCREX k BYINT -10", "*2\r\n:-9\r\n:-10\r\n");
    EXPECT(h, "INCREX k BYFLOAT 0.25", "*2\r\n$5\r\n-8.75\r\n$4\r\n0.25\r\n");
    EXPECT(h, "INCREX k", "-ERR value is not an integer or out of range\r\n");
    EXPECT(h, "INCREX k NX", "-ERR value is not an integer or out of range\r\n");
    EXPECT(h, "INCREX k NX BYFLOAT 1", "*2\r\n$5\r\n-8.75\r\n$1\r\n0\r\n");
    EXPECT(h, "INCREX absent XX", "*2\r\n:0\r\n:0\r\n");
    EXPECT(h, "EXISTS absent", ":0\r\n");
    h->session.protocol = PROTOCOL_RESP3;
    EXPECT(h, "INCREX k BYFLOAT 1", "*2\r\n,-7.75\r\n,1\r\n");
    harness_destroy(h);
}

TEST(increx_stays_within_its_bounds)
{
    struct harness *h = harness_create();
    EXPECT(h, "INCREX k BYINT 5 LBOUND 10", "*2\r\n:0\r\n:0\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "INCREX k LBOUND 10 SATURATE", "*2\r\n:10\r\n:10\r\n");
    EXPECT(h, "INCREX k BYINT 10 UBOUND 15", "*2\r\n:10\r\n:0\r\n");
    EXPECT(h, "INCREX k BYINT 10 UBOUND 15 SATURATE", "*2\r\n:15\r\n:5\r\n");
    EXPECT(h, "INCREX k BYINT 1 UBOUND 5 SATURATE", "*2\r\n:5\r\n:-10\r\n");
    EXPECT(h, "INCREX k BYINT 9223372036854775807", "*2\r\n:5\r\n:0\r\n");
    EXPECT(h, "INCREX k BYINT 9223372036854775807 SATURATE",
           "*2\r\n:9223372036854775807\r\n:9223372036854775802\r\n");
    EXPECT(h, "INCREX k UBOUND -9223372036854775808 SATURATE",
           "-ERR applied increment would overflow\r\n");
    EXPECT(h, "SET f 50.5", "+OK\r\n");
    EXPECT(h, "INCREX f BYFLOAT 5.5 UBOUND 30", "*2\r\n$4\r\n50.5\r\n$1\r\n0\r\n");
    EXPECT(h, "INCREX f BYFLOAT 5.5 UBOUND 30 SATURATE", "*2\r\n$2\r\n30\r\n$5\r\n-20.5\r\n");
    EXPECT(h, "INCREX f BYFLOAT 1 UBOUND -inf LBOUND -inf SATURATE",
           "-ERR applied increment would be Infinity\r\n");
    EXPECT(h, "GET f", "$2\r\n30\r\n");
    harness_destroy(h);
}

TEST(increx_sets_deadlines)
{
    struct harness *h = harness_create();
    EXPECT(h, "INCREX k PX 100 ENX", "*2\r\n:1\r\n:1\r\n");
    EXPECT(h, "PTTL k", ":100\r\n");
    EXPECT(h, "INCREX k PX 200 ENX", "*2\r\n:2\r\n:1\r\n");
    EXPECT(h, "PTTL k", ":100\r\n");
    EXPECT(h, "INCREX k PX 200", "*2\r\n:3\r\n:1\r\n");
    EXPECT(h, "PTTL k", ":200\r\n");
    EXPECT(h, "INCREX k", "*2\r\n:4\r\n:1\r\n");
    EXPECT(h, "PTTL k", ":200\r\n");
    EXPECT(h, "INCREX k PX 500 UBOUND 4", "*2\r\n:4\r\n:0\r\n");
    EXPECT(h, "PTTL k", ":200\r\n");
    EXPECT(h, "INCREX k EXAT 1 ENX", "*2\r\n:5\r\n:1\r\n");
    EXPECT(h, "INCREX k PERSIST", "*2\r\n:6\r\n:1\r\n");
    EXPECT(h, "PTTL k", ":-1\r\n");
    EXPECT(h, "INCREX k EXAT 1", "*2\r\n:7\r\n:1\r\n");
    EXPECT(h, "EXISTS k", ":0\r\n");
    harness_destroy(h);
}

TEST(increx_mistakes)
{
    struct harness *h = harness_create();
    const struct {
        const char *line;
        const char *reply;
    } wrong[] = {
        {"INCREX k FOO", "-ERR syntax error\r\n"},
        {"INCREX k BYINT", "-ERR syntax error\r\n"},
        {"INCREX k BYINT 1 BYFLOAT 1", "-ERR syntax error\r\n"},
        {"INCREX k BYINT 1 BYINT 1", "-ERR syntax error\r\n"},
        {"INCREX k NX XX", "-ERR syntax error\r\n"},
        {"INCREX k EX 1 PX 1", "-ERR syntax error\r\n"},
        {"INCREX k EX 1 EX 1", "-ERR syntax error\r\n"},
        {"INCREX k PERSIST EX 1", "-ERR syntax error\r\n"},
        {"INCREX k ENX PERSIST", "-ERR syntax error\r\n"},
        {"INCREX k SATURATE SATURATE", "-ERR syntax error\r\n"},
        {"INCREX k ENX", "-ERR ENX flag requires an expiration\r\n"},
        {"INCREX k BYINT 1.5", "-ERR Increment is not an integer or out of range\r\n"},
        {"INCREX k BYFLOAT x", "-ERR Increment is not a valid float\r\n"},
        {"INCREX k BYFLOAT inf", "-ERR BYFLOAT increment cannot be Infinity\r\n"},
        {"INCREX k UBOUND 1.5", "-ERR UBOUND is not an integer or out of range\r\n"},
        {"INCREX k BYFLOAT 1 LBOUND x", "-ERR LBOUND is not a valid float\r\n"},
        {"INCREX k LBOUND 2 UBOUND 1", "-ERR LBOUND can't be greater than UBOUND\r\n"},
        {"INCREX k BYFLOAT 1 UBOUND -inf", "-ERR LBOUND can't be greater than UBOUND\r\n"},
        {"INCREX k EX 0", "-ERR invalid expire time in 'increx' command\r\n"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        EXPECT(h, wrong[i].line, wrong[i].reply);
    }
    EXPECT(h, "EXISTS k", ":0\r\n");
    EXPECT(h, "SET k inf", "+OK\r\n");
    EXPECT(h, "INCREX k BYFLOAT 1", "-ERR value cannot be Infinity\r\n");
    EXPECT(h, "ZADD z 1 m", ":1\r\n");
    EXPECT(h, "INCREX z", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    harness_destroy(h);
}
