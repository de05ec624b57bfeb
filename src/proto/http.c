#include "proto/http.h"

#include "base/error.h"
#include "proto/http_internal.h"
#include "proto/request_internal.h"

#include <stdio.h>

enum { ANSWER_SIZE_MAX = 512 };

// ---- reading ----

/* Whether the LF at `at` ends the head: it is the end of an empty line. */
static bool ends_head(const char *first, const char *at)
{
    size_t before = (size_t)(at - first);
    return before > 0 && (at[-1] == '\n' || (before > 1 && at[-1] == '\r' && at[-2] == '\n'));
}

/* The size of the head, 0 when its end is not among the first `window` bytes. */
static size_t find_head_end(const struct parser *parser, struct bytes input, size_t window)
{
    const char *at = input.data + parser->scanned;
    const char *end = input.data + window;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (ends_head(input.data, at)) {
            return (size_t)(at + 1 - input.data);
        }
        at++;
    }
    return 0;
}

/* The next line of *head, without its end; it is cut off. */
static struct bytes take_line(struct bytes *head)
{
    const char *end = memchr(head->data, '\n', head->size);
    size_t size = end == NULL ? head->size : (size_t)(end - head->data);
    struct bytes line = bytes_make(head->data, size);
    size_t used = size + (end != NULL);
    *head = bytes_make(head->data + used, head->size - used);
    line.size -= line.size > 0 && line.data[line.size - 1] == '\r';
    return line;
}

/* What comes before the next SP of *line, which is cut off with it. */
static struct bytes take_word(struct bytes *line)
{
    const char *end = line->size == 0 ? NULL : memchr(line->data, ' ', line->size);
    size_t size = end == NULL ? line->size : (size_t)(end - line->data);
    struct bytes word = bytes_make(line->data, size);
    size_t used = size + (end != NULL);
    *line = bytes_make(line->data + used, line->size - used);
    return word;
}

/* A token of RFC 9110, 5.6.2: what methods and names of fields are made of. */
static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alphanumeric && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.size > 0;
}

static bool are_fields(struct bytes fields)
{
    struct bytes line = take_line(&fields);
    while (line.size > 0) {
        const char *colon = memchr(line.data, ':', line.size);
        if (colon == NULL || !is_token(bytes_make(line.data, (size_t)(colon - line.data)))) {
            return false;
        }
        line = take_line(&fields);
    }
    return true;
}

static bool is_page(struct bytes path)
{
    return bytes_equal(path, BYTES("/health"));
}

static struct http_request read_head(struct bytes head)
{
    struct bytes line = take_line(&head);
    struct bytes method = take_word(&line);
    struct bytes target = take_word(&line);
    struct bytes version = line;
    bool is_version = version.size == 8 && memcmp(version.data, "HTTP/", 5) == 0;
    if (!is_token(method) || target.size == 0 || !is_version || !are_fields(head)) {
        return (struct http_request){.status = HTTP_BAD_REQUEST};
    }
    if (version.data[5] != '1' || version.data[6] != '.') {
        return (struct http_request){.status = HTTP_VERSION_NOT_SUPPORTED};
    }
    bool is_head = bytes_equal(method, BYTES("HEAD"));
    if (!is_head && !bytes_equal(method, BYTES("GET"))) {
        return (struct http_request){.status = HTTP_METHOD_NOT_ALLOWED};
    }
    if (*target.data != '/') {
        return (struct http_request){.status = HTTP_BAD_REQUEST, .is_head = is_head};
    }
    const char *query = memchr(target.data, '?', target.size);
    size_t size = query == NULL ? target.size : (size_t)(query - target.data);
    struct http_request request = {.is_head = is_head, .path = bytes_make(target.data, size)};
    request.status = is_page(request.path) ? HTTP_OK : HTTP_NOT_FOUND;
    return request;
}

void http_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                struct parse_result *result_out)
{
    (void)space;
    size_t window = input.size < HTTP_HEAD_MAX ? input.size : HTTP_HEAD_MAX;
    size_t size = find_head_end(parser, input, window);
    if (size > 0) {
        parse_used(parser, PARSE_HTTP, size, result_out);
        result_out->http = read_head(bytes_make(input.data, size));
    } else if (window == HTTP_HEAD_MAX) {
        parse_used(parser, PARSE_HTTP, window, result_out);
        result_out->http = (struct http_request){.status = HTTP_HEAD_TOO_LARGE};
    } else {
        parser->scanned = window;
        parse_more(parser, window + 1, result_out);
    }
}

// ---- answering ----

struct http_page {
    const char *reason;
    const char *fields; // Beyond those that every answer has.
    const char *body;
};

static struct http_page page_of(enum http_status status)
{
    switch (status) {
    case HTTP_OK:
        return (struct http_page){"OK", "", "ok\n"};
    case HTTP_NOT_FOUND:
        return (struct http_page){"Not Found", "", "not found\n"};
    case HTTP_METHOD_NOT_ALLOWED:
        return (struct http_page){"Method Not Allowed", "Allow: GET, HEAD\r\n",
                                  "only GET and HEAD are allowed\n"};
    case HTTP_HEAD_TOO_LARGE:
        return (struct http_page){"Request Header Fields Too Large", "",
                                  "the request's head is too large\n"};
    case HTTP_VERSION_NOT_SUPPORTED:
        return (struct http_page){"HTTP Version Not Supported", "", "this is HTTP/1.1\n"};
    case HTTP_BAD_REQUEST:
        break;
    }
    return (struct http_page){"Bad Request", "", "bad request\n"};
}

void http_answer(struct sink *sink, const struct http_request *request)
{
    const struct http_page page = page_of(request->status);
    char answer[ANSWER_SIZE_MAX];
    int size = snprintf(answer, sizeof(answer),
                        "HTTP/1.1 %d %s\r\n"
                        "Content-Type: text/plain\r\n"
                        "Content-Length: %zu\r\n"
                        "Cache-Control: no-store\r\n"
                        "%s"
                        "Connection: close\r\n"
                        "\r\n"
                        "%s",
                        (int)request->status, page.reason, strlen(page.body), page.fields,
                        request->is_head ? "" : page.body);
    ASSERT(size > 0 && (size_t)size < sizeof(answer));
    sink_write(sink, bytes_make(answer, (size_t)size));
}

bool http_is_command(struct bytes name)
{
    return bytes_is_word(name, "POST") || bytes_is_word(name, "HOST:");
}
