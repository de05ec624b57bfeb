#include "requests.h"

#include "transcript.h"

#include <stdlib.h>

void check_requests(enum protocol protocol, const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    struct bytes stream = bytes_make((const char *)data + 1, size - 1);
    struct transcript_pieces one = {.first = SIZE_MAX, .args_max = 64, .text_max = 64};
    struct transcript whole = transcript_of(protocol, stream, one);

    size_t piece = 1U + data[0] / 8U;
    struct transcript_pieces many = {
        .first = piece,
        .next = piece,
        .args_max = data[0] % 8U,
        .text_max = data[0] % 8U,
    };
    struct transcript cut = transcript_of(protocol, stream, many);
    transcript_expect(&cut, bytes_make(whole.text, whole.size));
    free(whole.text);
    free(cut.text);
}
