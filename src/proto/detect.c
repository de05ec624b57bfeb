#include "proto/detect_internal.h"

#include "base/error.h"
#include "base/number.h"
#include "proto/request_internal.h"
#include "proto/text_internal.h"
#include "proto/words_internal.h"

enum { TLS_HANDSHAKE = 0x16 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Whether a line of any protocol may begin with `c`: blank, empty or with a word. */
static bool may_begin(char c)
{
    return (c > ' ' && c < 0x7F) || is_blank(c) || c == '\r' || c == '\n';
}

/* The last word of *line, which is cut off it. Quotes mean nothing here. */
static struct bytes take_last_word(struct bytes *line)
{
    size_t end = line->size;
    while (end > 0 && is_blank(line->data[end - 1])) {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && !is_blank(line->data[begin - 1])) {
        begin--;
    }
    line->size = begin;
    return bytes_make(line->data + begin, end - begin);
}

static bool is_http(struct bytes line)
{
    const struct bytes version = BYTES("HTTP/");
    struct bytes last = take_last_word(&line);
    return last.size > version.size && memcmp(last.data, version.data, version.size) == 0 &&
           take_last_word(&line).size > 0 && take_last_word(&line).size > 0;
}

static enum protocol protocol_of_line(struct bytes line, bool has_cr)
{
    if (is_http(line)) {
        return PROTOCOL_HTTP;
    }
    if (text_is_set(line) || !has_cr) {
        return PROTOCOL_TEXT;
    }
    return PROTOCOL_RESP2;
}

static bool has_words(struct bytes line)
{
    return take_last_word(&line).size > 0;
}

static void choose(struct parser *parser, enum protocol protocol, struct parse_result *result_out)
{
    parse_used(parser, PARSE_PROTOCOL, 0, result_out);
    result_out->protocol = protocol;
}

void detect_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                  struct parse_result *result_out)
{
    (void)space;
    if (*input.data == '*') {
        choose(parser, PROTOCOL_RESP2, result_out);
        return;
    }
    if (!may_begin(*input.data)) {
        parse_error(parser, PARSE_FATAL, 1, result_out,
                    *input.data == TLS_HANDSHAKE
                        ? "ERR Protocol error: this port does not speak TLS"
                        : "ERR Protocol error: no request begins with this byte");
        return;
    }
    const char *end =
        line_find_end(parser, input, "ERR Protocol error: too big inline request", result_out);
    if (end == NULL) {
        return;
    }
    size_t size = (size_t)(end - input.data);
    bool has_cr = size > 0 && end[-1] == '\r';
    struct bytes line = bytes_make(input.data, size - has_cr);
    if (has_words(line)) {
        choose(parser, protocol_of_line(line, has_cr), result_out);
    } else {
        parse_used(parser, PARSE_EMPTY, size + 1, result_out);
    }
}
