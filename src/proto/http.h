/* http.h - the little HTTP that the port speaks: a page for health probes.
 *
 * A request is read up to the end of its head and answered, then the connection
 * closes. Its body, and whatever else arrives, is dropped unread: no byte of a
 * connection that speaks HTTP is ever a command.
 *
 *   GET /health     200 "ok"
 *   HEAD            the same head, no body
 *   other paths     404
 *   other methods   405
 *   malformed       400
 *   a head above HTTP_HEAD_MAX     431
 *   another version than 1.x       505
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"
#include "base/sink.h"

#include <stdbool.h>

enum { HTTP_HEAD_MAX = 8 * 1024 };

enum http_status {
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD_NOT_ALLOWED = 405,
    HTTP_HEAD_TOO_LARGE = 431,
    HTTP_VERSION_NOT_SUPPORTED = 505,
};

struct http_request {
    enum http_status status; // HTTP_OK: a well-formed GET or HEAD of a page that there is.
    bool is_head;            // The answer has no body.
    struct bytes path;       // HTTP_OK, HTTP_NOT_FOUND: in the input, without its query.
};

/* Write the whole answer to the request. */
void http_answer(struct sink *sink, const struct http_request *request);

/* Whether a command of this name is a line of HTTP: the connection must be closed, unanswered,
 * and nothing after it executed. Somebody made an HTTP client send to the port, or goes on
 * with HTTP where another protocol was spoken. */
bool http_is_command(struct bytes name);
