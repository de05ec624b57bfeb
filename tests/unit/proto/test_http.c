#include "proto/http.h"
#include "proto/request.h"

#include "transcript.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#define ASSERT_HTTP(stream, expected) assert_transcript(PROTOCOL_HTTP, BYTES(stream), expected)

TEST(pages_are_found_by_their_path)
{
    ASSERT_HTTP("GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP 33 200 [/health]\n");
    ASSERT_HTTP("GET /health?a=b HTTP/1.0\r\n\r\n", "HTTP 28 200 [/health]\n");
    ASSERT_HTTP("HEAD /health HTTP/1.1\r\n\r\n", "HTTP 25 200 HEAD [/health]\n");
    ASSERT_HTTP("GET / HTTP/1.1\r\n\r\n", "HTTP 18 404 [/]\n");
    ASSERT_HTTP("GET /health/ HTTP/1.1\r\n\r\n", "HTTP 25 404 [/health/]\n");
    ASSERT_HTTP("HEAD /%00 HTTP/1.9\r\n\r\n", "HTTP 22 404 HEAD [/%00]\n");
}

TEST(lines_may_end_in_lf_alone)
{
    ASSERT_HTTP("GET /health HTTP/1.1\nHost: x\n\n", "HTTP 30 200 [/health]\n");
    ASSERT_HTTP("GET /health HTTP/1.1\r\nHost: x\n\r\n", "HTTP 32 200 [/health]\n");
    ASSERT_HTTP("GET /health HTTP/1.1\nHost: x\r\n\n", "HTTP 31 200 [/health]\n");
}

TEST(nothing_behind_the_head_is_read)
{
    ASSERT_HTTP("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nFLUSHALL\r\n", "HTTP 39 405 []\n");
    ASSERT_HTTP("GET / HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n\r\n", "HTTP 18 404 [/]\n");
}

TEST(other_methods_are_not_allowed)
{
    static const char *const methods[] = {"POST", "PUT",  "OPTIONS", "DELETE",
                                          "get",  "Head", "PURGE"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        char stream[64];
        char expected[64];
        int size = snprintf(stream, sizeof(stream), "%s * HTTP/1.1\r\n\r\n", methods[i]);
        snprintf(expected, sizeof(expected), "HTTP %d 405 []\n", size);
        assert_transcript(PROTOCOL_HTTP, bytes_make(stream, (size_t)size), expected);
    }
}

TEST(other_versions_are_not_spoken)
{
    ASSERT_HTTP("GET / HTTP/2.0\r\n\r\n", "HTTP 18 505 []\n");
    ASSERT_HTTP("GET / HTTP/0.9\r\n\r\n", "HTTP 18 505 []\n");
}

TEST(malformed_heads_are_bad_requests)
{
    static const char *const wrong[] = {
        "GET  / HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1x\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "G:T / HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nFLUSHALL\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n",
        "GET health HTTP/1.1\r\n\r\n",
        "GET http://x/health HTTP/1.1\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char expected[64];
        snprintf(expected, sizeof(expected), "HTTP %zu 400 []\n", strlen(wrong[i]));
        assert_transcript(PROTOCOL_HTTP, bytes_of_string(wrong[i]), expected);
    }
}

TEST(a_head_has_a_limit_however_it_comes)
{
    static const char line[] = "GET /health HTTP/1.1\r\n";
    static const char end[] = "\r\n\r\n";
    for (size_t size = HTTP_HEAD_MAX - 1; size <= HTTP_HEAD_MAX + 1; size++) {
        char *head = malloc(size);
        ck_assert_ptr_nonnull(head);
        memset(head, 'x', size);
        // NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes, not a string.
        memcpy(head, line, sizeof(line) - 1);
        head[sizeof(line)] = ':';
        memcpy(head + size - 4, end, 4); // NOLINT(bugprone-not-null-terminated-result)
        char expected[64];
        bool fits = size <= HTTP_HEAD_MAX;
        snprintf(expected, sizeof(expected), "HTTP %zu %s\n", fits ? size : (size_t)HTTP_HEAD_MAX,
                 fits ? "200 [/health]" : "431 []");
        for (size_t piece = 1; piece < 10000; piece = 10 * piece) {
            struct transcript_pieces pieces = {.first = piece, .next = piece};
            struct transcript got = transcript_of(PROTOCOL_HTTP, bytes_make(head, size), pieces);
            ck_assert_str_eq(got.text, expected);
            free(got.text);
        }
        free(head);
    }
}

static int no_more(struct sink *sink, size_t size)
{
    (void)sink;
    (void)size;
    return -1;
}

static void assert_answered(struct http_request request, const char *expected)
{
    static const struct sink_ops ops = {.more = no_more};
    char out[1024];
    struct sink sink = {.at = out, .end = out + sizeof(out) - 1, .ops = &ops};
    http_answer(&sink, &request);
    ck_assert(!sink.failed);
    *sink.at = '\0';
    ck_assert_str_eq(out, expected);
}

TEST(answers_are_complete)
{
    assert_answered((struct http_request){.status = HTTP_OK},
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
                    "Cache-Control: no-store\r\nConnection: close\r\n\r\nok\n");
    assert_answered((struct http_request){.status = HTTP_OK, .is_head = true},
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
                    "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
    assert_answered((struct http_request){.status = HTTP_METHOD_NOT_ALLOWED},
                    "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\n"
                    "Content-Length: 30\r\nCache-Control: no-store\r\nAllow: GET, HEAD\r\n"
                    "Connection: close\r\n\r\nonly GET and HEAD are allowed\n");
}

TEST(lines_of_http_are_known_as_commands)
{
    ck_assert(http_is_command(BYTES("POST")));
    ck_assert(http_is_command(BYTES("post")));
    ck_assert(http_is_command(BYTES("Host:")));
    ck_assert(!http_is_command(BYTES("Host")));
    ck_assert(!http_is_command(BYTES("")));
    ck_assert(!http_is_command(BYTES("POST2")));
}
