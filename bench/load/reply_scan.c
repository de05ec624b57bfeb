#include "load/reply_scan.h"

void reply_scan_init(struct reply_scan *scan, enum load_protocol protocol)
{
    *scan = (struct reply_scan){.protocol = protocol};
}

/* One element is whole. */
static void end_element(struct reply_scan *scan, struct reply_tally *tally)
{
    scan->missing--;
    if (scan->missing == 0) {
        scan->nested = false;
        tally->replies++;
    }
}

/* A bulk of `number` bytes follows, and a line end after it. */
static void begin_bulk(struct reply_scan *scan, struct reply_tally *tally, unsigned line_end)
{
    if (scan->negative) {
        end_element(scan, tally); // RESP's "$-1": there is no value.
        return;
    }
    scan->skip = scan->number + line_end;
}

static void begin_array(struct reply_scan *scan, struct reply_tally *tally)
{
    if (scan->negative || scan->number == 0) {
        end_element(scan, tally);
        return;
    }
    scan->missing += scan->number - 1;
    scan->nested = true;
}

/* The line is complete: what did it say? */
static void end_line(struct reply_scan *scan, struct reply_tally *tally)
{
    char kind = scan->kind;
    scan->kind = 0;
    switch (kind) {
    case '$':
        begin_bulk(scan, tally, 2);
        return;
    case '*':
        begin_array(scan, tally);
        return;
    case '+':
        if (scan->protocol == LOAD_TEXT && scan->second == 'V') {
            begin_bulk(scan, tally, 1);
            return;
        }
        break;
    case '-':
        if (!scan->nested) {
            tally->errors++;
        }
        break;
    default: // ':'
        break;
    }
    end_element(scan, tally);
}

/* The first byte of a line. False when no reply begins so. */
static bool begin_line(struct reply_scan *scan, char c)
{
    bool known =
        c == '+' || c == '-' || c == ':' || c == '*' || (c == '$' && scan->protocol == LOAD_RESP);
    if (!known) {
        return false;
    }
    if (scan->missing == 0) {
        scan->missing = 1;
    }
    scan->kind = c;
    scan->second = 0;
    scan->negative = false;
    scan->number = 0;
    return true;
}

/* Remember the text of the first error only. */
static void keep_error(struct reply_tally *tally, char c)
{
    if (tally->errors == 0 && c != '\r' && tally->error_size < REPLY_ERROR_SIZE_MAX) {
        tally->error[tally->error_size++] = c;
    }
}

/* A byte inside a line, after the first and before the LF. */
static void take_byte(struct reply_scan *scan, struct reply_tally *tally, char c)
{
    if (scan->second == 0) {
        scan->second = c;
    }
    if (c >= '0' && c <= '9') {
        scan->number = scan->number * 10 + (uint64_t)(c - '0');
    } else if (c == '-') {
        scan->negative = true;
    }
    if (scan->kind == '-' && !scan->nested) {
        keep_error(tally, c);
    }
}

/* Read a line up to and including its LF, or all there is of it. */
static const char *take_line(struct reply_scan *scan, const char *at, const char *end,
                             struct reply_tally *tally)
{
    if (scan->kind == '$') {
        // The usual case at speed: a few digits, then CR LF.
        uint64_t number = scan->number;
        while (at < end && (uint8_t)(*at - '0') <= 9) {
            number = number * 10 + (uint64_t)(*at++ - '0');
        }
        scan->number = number;
    }
    while (at < end) {
        char c = *at++;
        if (c == '\n') {
            end_line(scan, tally);
            return at;
        }
        take_byte(scan, tally, c);
    }
    return at;
}

/* Pass over what has come of a bulk. */
static const char *skip_bulk(struct reply_scan *scan, const char *at, const char *end,
                             struct reply_tally *tally)
{
    uint64_t left = (uint64_t)(end - at);
    uint64_t step = scan->skip < left ? scan->skip : left;
    scan->skip -= step;
    if (scan->skip == 0) {
        end_element(scan, tally);
    }
    return at + step;
}

void reply_scan_feed(struct reply_scan *scan, struct bytes input, struct reply_tally *tally)
{
    const char *at = input.data;
    const char *end = at + input.size;
    tally->bytes += input.size;
    while (at < end) {
        if (scan->skip > 0) {
            at = skip_bulk(scan, at, end, tally);
            continue;
        }
        if (scan->kind == 0 && !begin_line(scan, *at++)) {
            tally->broken = true;
            return;
        }
        at = take_line(scan, at, end, tally);
    }
}
