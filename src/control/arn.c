#include "control/arn.h"

#include <stdio.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void arn_key(const char *name, char ret_key[ARN_KEY_BYTES])
{
    size_t n = 0;

    for (; name[n] != '\0' && n < ARN_KEY_BYTES - 1; n++)
        ret_key[n] = lower(name[n]);
    ret_key[n] = '\0';
}

void arn_of(const struct control *c, const char *kind, const char *name, char ret_arn[ARN_BYTES])
{
    char key[ARN_KEY_BYTES];

    arn_key(name, key);
    snprintf(ret_arn, ARN_BYTES, "arn:aws:sagemaker:%s:%s:%s/%s", c->settings.region,
             c->settings.account, kind, key);
}

void arn_path(const char *prefix, const char *name, char ret_path[ARN_BYTES])
{
    char key[ARN_KEY_BYTES];

    arn_key(name, key);
    snprintf(ret_path, ARN_BYTES, "%s%s", prefix, key);
}

bool arn_exists(const struct control *c, const char *arn)
{
    const struct {
        const char *kind;
        const struct map *objects;
    } kinds[] = {
        { "model", &c->models },
        { "endpoint-config", &c->endpoint_configs },
        { "endpoint", &c->endpoints },
    };
    const char *name = strrchr(arn, '/');
    char real[ARN_BYTES], key[ARN_KEY_BYTES];

    if (!name)
        return false;
    arn_key(name + 1, key);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        arn_of(c, kinds[i].kind, key, real);
        if (strcmp(real, arn) == 0)
            return map_get(kinds[i].objects, key);
    }
    return false;
}
