/* stream/test_io.h: the tests with sockets run twice, with WEIR_TEST_IO=uring the second time. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/socket_batch.h"

enum { TEST_IO_SKIPPED = 77 /* to meson */ };

static inline bool test_io_is_uring(void)
{
    const char *io = getenv("WEIR_TEST_IO");

    return io && strcmp(io, "uring") == 0;
}

/** test_io_check() - ends the program if the kernel refuses what is to be tested */
static inline void test_io_check(void)
{
    int r = test_io_is_uring() ? socket_batch_is_there() : 0;

    if (r) {
        printf("no io_uring here: %s\n", strerror(-r));
        exit(TEST_IO_SKIPPED);
    }
}
