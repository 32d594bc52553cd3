/* base/error.h: one idiom for everything that can fail.
 *
 * A function that can fail returns int: 0 done; a negative errno for a fault, which callers pass up
 * unchanged through fault(); a positive outcome that its header names, which the direct caller
 * decides about. Nobody matches on a negative code of ours, nobody forwards another module's
 * positive one: that would be fault()'s -ENOTRECOVERABLE.
 */
#pragma once

#ifdef __clang_analyzer__ /* which would not know that a failure stays one */
#define fault(r) (r)
#else
#define fault(r) fault_at((r), __func__, __FILE__, __LINE__)
#endif

/**
 * fault_at() - pass a failure up, leaving a trace line on stderr when WEIR_TRACE_FAULTS is set
 * @r: 0, a negative errno, or an outcome nobody expected
 *
 * Return: @r, or -ENOTRECOVERABLE for an unexpected outcome (@r > 0).
 */
int fault_at(int r, const char *func, const char *file, int line);
