#include "requests.h"

/* Whatever a new connection may send: the first line, then the parser that it chose. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_requests(PROTOCOL_UNKNOWN, data, size);
    return 0;
}
