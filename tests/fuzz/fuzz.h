/*
 * fuzz - what an entry for a fuzzer looks like
 *
 * Role:       the one function, as libFuzzer wants it; replay.c calls the same one.
 * Uses:       nothing.
 */
#ifndef PALLOCD_TESTS_FUZZ_H
#define PALLOCD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** LLVMFuzzerTestOneInput() - try one input; aborts where it shows a fault. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
