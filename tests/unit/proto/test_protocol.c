#include "proto/protocol.h"

#include "unit.h"

#include <errno.h>

TEST(protocols_have_names_and_versions)
{
    ck_assert_str_eq(protocol_name(PROTOCOL_TEXT), "text");
    ck_assert_str_eq(protocol_name(PROTOCOL_RESP2), "resp2");
    ck_assert_str_eq(protocol_name(PROTOCOL_RESP3), "resp3");
    ck_assert_uint_eq(protocol_version(PROTOCOL_TEXT), 2);
    ck_assert_uint_eq(protocol_version(PROTOCOL_RESP2), 2);
    ck_assert_uint_eq(protocol_version(PROTOCOL_RESP3), 3);
}

TEST(hello_switches_between_the_versions_of_resp)
{
    enum protocol protocol = PROTOCOL_RESP2;
    ck_assert_int_eq(protocol_hello(&protocol, 3), 0);
    ck_assert_int_eq(protocol, PROTOCOL_RESP3);
    ck_assert_int_eq(protocol_hello(&protocol, 3), 0);
    ck_assert_int_eq(protocol, PROTOCOL_RESP3);
    ck_assert_int_eq(protocol_hello(&protocol, 2), 0);
    ck_assert_int_eq(protocol, PROTOCOL_RESP2);
}

TEST(hello_refuses_other_versions_and_other_protocols)
{
    static const int64_t wrong[] = {INT64_MIN, -3, 0, 1, 4, 0x100000003, INT64_MAX};
    enum protocol protocol = PROTOCOL_RESP3;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(protocol_hello(&protocol, wrong[i]), -EPROTONOSUPPORT);
        ck_assert_int_eq(protocol, PROTOCOL_RESP3);
    }
    protocol = PROTOCOL_TEXT;
    ck_assert_int_eq(protocol_hello(&protocol, 3), -EPROTONOSUPPORT);
    ck_assert_int_eq(protocol, PROTOCOL_TEXT);
}
