/* fleet/proc.h: what /proc knows about a process. Source: proc(5). */
#pragma once
#include <stdint.h>
#include <sys/types.h>

/** proc_start_time() - when @pid started, in clock ticks since boot: with it a pid is unique until
 * the machine restarts. Return: 0, -ESRCH (a zombie counts as gone too), or another negative errno.
 */
int proc_start_time(pid_t pid, uint64_t *ret_ticks);

/** proc_usage() - CPU time so far and memory now of @pid and its descendants.
 * Return: 0, -ESRCH or another negative errno. */
int proc_usage(pid_t pid, uint64_t *ret_cpu_us, uint64_t *ret_memory_bytes);
