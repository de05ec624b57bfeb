#include "requests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_requests(PROTOCOL_HTTP, data, size);
    return 0;
}
