#include "load/stencil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SCORE_WHOLE_DIGITS = 6, SCORE_PART_DIGITS = 9, DIGITS_MAX = 18 };

/* Bytes that grow. */
struct text {
    char *data;
    size_t size;
    size_t capacity;
    bool failed; // Out of memory; data is NULL.
};

struct compiler {
    const struct stencil_shape *shape;
    struct stencil *stencil;
    struct problem *problem;
    struct text word; // The word at hand; offsets of its holes count from its beginning.
    unsigned word_holes;
    size_t integer_width; // Of the last integer hole; 0: there was none.
    uint64_t integer_high;
};

/* Make room for `size` more bytes and count them in; NULL when out of memory. */
static char *text_extend(struct text *text, size_t size)
{
    if (!text->failed && text->capacity - text->size < size) {
        size_t capacity = (text->size + size) * 2;
        char *data = realloc(text->data, capacity);
        if (data == NULL) {
            free(text->data);
            *text = (struct text){.failed = true};
        } else {
            text->data = data;
            text->capacity = capacity;
        }
    }
    if (text->failed) {
        return NULL;
    }
    char *at = text->data + text->size;
    text->size += size;
    return at;
}

static void text_append(struct text *text, const char *data, size_t size)
{
    char *at = size == 0 ? NULL : text_extend(text, size);
    if (at != NULL) {
        memcpy(at, data, size);
    }
}

static void text_append_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

static int add_hole(struct compiler *compiler, struct hole hole)
{
    struct stencil *stencil = compiler->stencil;
    if (stencil->hole_count == STENCIL_HOLES_MAX) {
        return problem_set(compiler->problem, "more than %d placeholders in the command",
                           STENCIL_HOLES_MAX);
    }
    hole.offset = compiler->word.size;
    char *at = text_extend(&compiler->word, hole.width);
    if (at == NULL) {
        return problem_set(compiler->problem, "out of memory");
    }
    memset(at, '0', hole.width);
    stencil->holes[stencil->hole_count++] = hole;
    compiler->word_holes++;
    return 0;
}

static unsigned count_digits(uint64_t value)
{
    unsigned digits = 1;
    for (; value >= 10; value /= 10) {
        digits++;
    }
    return digits;
}

static int add_integer(struct compiler *compiler, uint64_t low, uint64_t high)
{
    if (high < low || count_digits(low) != count_digits(high) || count_digits(high) > DIGITS_MAX) {
        return problem_set(compiler->problem,
                           "__rand:LOW:HIGH__ needs LOW <= HIGH with equally many digits");
    }
    compiler->integer_width = count_digits(low);
    compiler->integer_high = high;
    return add_hole(compiler, (struct hole){.kind = HOLE_INTEGER,
                                            .width = count_digits(low),
                                            .low = low,
                                            .span = high - low + 1});
}

static int add_same(struct compiler *compiler, uint64_t more)
{
    if (compiler->integer_width == 0 ||
        count_digits(compiler->integer_high + more) != compiler->integer_width) {
        return problem_set(compiler->problem,
                           "__same+N__ must follow a __rand...__ and not grow by a digit");
    }
    return add_hole(
        compiler, (struct hole){.kind = HOLE_SAME, .width = compiler->integer_width, .low = more});
}

/* Read the digits at *at, at most DIGITS_MAX of them, then the character `end`. */
static bool read_integer(const char **at, char end, uint64_t *value_out)
{
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || (*at)[digits] != end) {
        return false;
    }
    *value_out = strtoull(*at, NULL, 10);
    *at += digits + 1;
    return true;
}

/* __rand__, __rand:LOW:HIGH__ or __same+N__. */
static int add_number(struct compiler *compiler, const char *name)
{
    uint64_t low = 0;
    uint64_t high = 0;
    const char *at = name + strlen("rand:");
    if (strcmp(name, "rand") == 0) {
        return add_integer(compiler, 1000000000, 9999999999);
    }
    if (strncmp(name, "rand:", strlen("rand:")) == 0 && read_integer(&at, ':', &low) &&
        read_integer(&at, '\0', &high)) {
        return add_integer(compiler, low, high);
    }
    if (strncmp(name, "same+", strlen("same+")) == 0 && read_integer(&at, '\0', &low)) {
        return add_same(compiler, low);
    }
    return problem_set(compiler->problem, "unknown placeholder __%s__ in the command", name);
}

/* The placeholder whose name, without the underscores, is name[0 .. size). */
static int add_placeholder(struct compiler *compiler, const char *name, size_t size)
{
    char copy[64] = {0};
    if (size >= sizeof(copy)) {
        return problem_set(compiler->problem, "unknown placeholder in the command");
    }
    memcpy(copy, name, size);
    struct hole hole = {.kind = HOLE_KEY, .width = compiler->shape->key_digits};
    if (strcmp(copy, "key") == 0) {
        return add_hole(compiler, hole);
    }
    if (strcmp(copy, "value") == 0) {
        hole = (struct hole){.kind = HOLE_VALUE, .width = compiler->shape->value_size};
        return add_hole(compiler, hole);
    }
    if (strcmp(copy, "score") == 0) {
        hole =
            (struct hole){.kind = HOLE_SCORE, .width = SCORE_WHOLE_DIGITS + 1 + SCORE_PART_DIGITS};
        return add_hole(compiler, hole);
    }
    return add_number(compiler, copy);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Whether `c` opens or closes a quote, given the one that is open; turns it. */
static bool turn_quote(char *open_quote, char c)
{
    if (*open_quote == '\0' && (c == '"' || c == '\'')) {
        *open_quote = c;
        return true;
    }
    if (*open_quote != '\0' && c == *open_quote) {
        *open_quote = '\0';
        return true;
    }
    return false;
}

/* Read one word from *text_at into compiler->word. 1, 0 at the end, or -1. */
static int read_word(struct compiler *compiler, const char **text_at)
{
    const char *at = *text_at + strspn(*text_at, " \t\n");
    compiler->word.size = 0;
    compiler->word_holes = 0;
    if (*at == '\0') {
        return 0;
    }
    char quote = '\0';
    for (; *at != '\0' && (quote != '\0' || !is_blank(*at)); at++) {
        const char *close = strncmp(at, "__", 2) == 0 ? strstr(at + 2, "__") : NULL;
        if (close != NULL) {
            if (add_placeholder(compiler, at + 2, (size_t)(close - at) - 2) != 0) {
                return -1;
            }
            at = close + 1;
        } else if (!turn_quote(&quote, *at)) {
            text_append(&compiler->word, at, 1);
        }
    }
    if (quote != '\0') {
        return problem_set(compiler->problem, "a quote in the command is not closed");
    }
    *text_at = at;
    return 1;
}

/* Move the word behind `frame`, and its holes with it. */
static void append_word(struct compiler *compiler, struct text *frame)
{
    struct stencil *stencil = compiler->stencil;
    for (unsigned i = 0; i < compiler->word_holes; i++) {
        stencil->holes[stencil->hole_count - 1 - i].offset += frame->size;
    }
    text_append(frame, compiler->word.data, compiler->word.size);
}

static int compile_resp(struct compiler *compiler, const char *at, struct text *frame)
{
    struct text body = {0};
    unsigned words = 0;
    char head[32];
    int got = 0;
    while ((got = read_word(compiler, &at)) == 1) {
        (void)snprintf(head, sizeof(head), "$%zu\r\n", compiler->word.size);
        text_append_string(&body, head);
        append_word(compiler, &body);
        text_append_string(&body, "\r\n");
        words++;
    }
    (void)snprintf(head, sizeof(head), "*%u\r\n", words);
    text_append_string(frame, head);
    for (unsigned i = 0; i < compiler->stencil->hole_count; i++) {
        compiler->stencil->holes[i].offset += frame->size;
    }
    text_append(frame, body.data, body.size);
    frame->failed = frame->failed || body.failed;
    free(body.data);
    return got;
}

/* Words as they are, quoted where they hold blanks. SET's value goes behind the
 * line, and its place is taken by an expiry of 0 (never) and the length. */
static int compile_text(struct compiler *compiler, const char *at, struct text *frame)
{
    struct text payload = {0};
    unsigned payload_holes = 0; // They are the last ones found when the payload is read.
    unsigned payload_first = 0;
    unsigned words = 0;
    bool is_set = false;
    int got = 0;
    while ((got = read_word(compiler, &at)) == 1) {
        struct text *word = &compiler->word;
        is_set =
            is_set || (words == 0 && word->size == 3 && strncasecmp(word->data, "SET", 3) == 0);
        text_append(frame, " ", words == 0 ? 0 : 1);
        if (is_set && words == 2) {
            char length[32];
            (void)snprintf(length, sizeof(length), "0 %zu", word->size);
            text_append_string(frame, length);
            payload_holes = compiler->word_holes;
            payload_first = compiler->stencil->hole_count - payload_holes;
            append_word(compiler, &payload);
        } else {
            bool quoted = word->size == 0 || memchr(word->data, ' ', word->size) != NULL;
            text_append(frame, "\"", quoted ? 1 : 0);
            append_word(compiler, frame);
            text_append(frame, "\"", quoted ? 1 : 0);
        }
        words++;
    }
    text_append(frame, "\n", 1);
    for (unsigned i = 0; i < payload_holes; i++) {
        compiler->stencil->holes[payload_first + i].offset += frame->size;
    }
    text_append(frame, payload.data, payload.size);
    text_append(frame, "\n", is_set && words > 2 ? 1 : 0);
    frame->failed = frame->failed || payload.failed;
    free(payload.data);
    return got;
}

int stencil_compile(struct stencil *stencil, const char *text, const struct stencil_shape *shape,
                    struct problem *problem)
{
    *stencil = (struct stencil){0};
    struct compiler compiler = {.shape = shape, .stencil = stencil, .problem = problem};
    struct text frame = {0};
    int status = 0;
    if (text[strspn(text, " \t\n")] == '\0') {
        status = problem_set(problem, "the command is empty");
    } else if (shape->protocol == LOAD_RESP) {
        status = compile_resp(&compiler, text, &frame);
    } else {
        status = compile_text(&compiler, text, &frame);
    }
    if (status == 0 && (frame.failed || compiler.word.failed)) {
        status = problem_set(problem, "out of memory");
    }
    free(compiler.word.data);
    if (status != 0) {
        free(frame.data);
        *stencil = (struct stencil){0};
        return status;
    }
    stencil->frame = frame.data;
    stencil->size = frame.size;
    return 0;
}

void stencil_deinit(struct stencil *stencil)
{
    free(stencil->frame);
    *stencil = (struct stencil){0};
}

int stencil_pad(struct stencil *stencil, size_t size, struct problem *problem)
{
    if (size <= stencil->size) {
        return 0;
    }
    char *frame = realloc(stencil->frame, size);
    if (frame == NULL) {
        return problem_set(problem, "out of memory");
    }
    memset(frame + stencil->size, 'x', size - stencil->size);
    stencil->frame = frame;
    stencil->size = size;
    return 0;
}

/* `value` in exactly `width` digits. */
static inline void put_number(char *out, size_t width, uint64_t value)
{
    for (char *at = out + width; at > out; value /= 10) {
        *--at = (char)('0' + value % 10);
    }
}

static uint64_t draw_key(struct draw *draw)
{
    if (draw->sequential) {
        return draw->next_key++;
    }
    return key_choice_draw(draw->keys, &draw->random);
}

static void put_score(struct draw *draw, char *out)
{
    put_number(out, SCORE_WHOLE_DIGITS, 100000 + random_below(&draw->random, 900000));
    out[SCORE_WHOLE_DIGITS] = '.';
    put_number(out + SCORE_WHOLE_DIGITS + 1, SCORE_PART_DIGITS,
               random_below(&draw->random, 1000000000));
}

void stencil_write(const struct stencil *stencil, struct draw *draw, char *out)
{
    memcpy(out, stencil->frame, stencil->size);
    const struct hole *end = stencil->holes + stencil->hole_count;
    for (const struct hole *hole = stencil->holes; hole < end; hole++) {
        char *at = out + hole->offset;
        switch (hole->kind) {
        case HOLE_KEY:
            put_number(at, hole->width, draw_key(draw));
            break;
        case HOLE_INTEGER:
            draw->last = hole->low + random_below(&draw->random, hole->span);
            put_number(at, hole->width, draw->last);
            break;
        case HOLE_SAME:
            put_number(at, hole->width, draw->last + hole->low);
            break;
        case HOLE_SCORE:
            put_score(draw, at);
            break;
        case HOLE_VALUE:
            memcpy(at, draw->payload + random_below(&draw->random, draw->payload_starts),
                   hole->width);
            break;
        }
    }
}
