/* fleet/instance_type.h: what an instance type offers and costs.
 * Prices: published us-east-1 real-time hosting prices per hour, USD, as of 2025; the config file
 * may replace them. Source: Amazon SageMaker pricing page. */
#pragma once
#include <stddef.h>

struct instance_type {
    const char *name; /* "ml.m5.large" */
    double vcpus;
    double memory_gib;
    unsigned gpus;
    double usd_per_hour;
};

/** instance_type_find() - NULL if unknown */
const struct instance_type *instance_type_find(const char *name);
/** instance_types() - the whole table */
const struct instance_type *instance_types(size_t *ret_n);

/** instance_type_define() - change the row of that name, or add one; for program start, before
 * anybody holds a row. @type's name is copied. Return: 0, -ENOSPC or -ENOMEM. */
int instance_type_define(const struct instance_type *type);
