#include "cli/access.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "auth/credentials.h"
#include "base/text.h"

static const char state_default[] = "weir-state";
static const char region_default[] = "us-east-1";

static int refuse(int r, char *ret_why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(int r, char *ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ret_why, ACCESS_WHY_BYTES, format, args);
    va_end(args);
    return r;
}

static int copy(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? -ENOMEM : 0;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

static void strip_slashes(char *url)
{
    size_t n = strlen(url);

    while (n > 0 && url[n - 1] == '/')
        url[--n] = '\0';
}

/* --- a state directory ------------------------------------------------------------------------ */

static int read_server(const char *state, struct access *a, char *ret_why)
{
    autofree(mem_free) char *path = text_format("%s/server.json", state);
    const char *url, *region = region_default;
    json_error_t error;
    json_t *root;
    int r;

    if (!path)
        return -ENOMEM;
    root = json_load_file(path, 0, &error);
    if (!root && error.line >= 0)
        return refuse(-EINVAL, ret_why, "%s is damaged: %s", path, error.text);
    if (!root)
        return refuse(-ENOENT, ret_why,
                      "no server found: %s cannot be read (is weir serve running with --state %s?)",
                      path, state);
    r = json_unpack(root, "{s:s, s?s}", "url", &url, "region", &region);
    if (r)
        r = refuse(-EINVAL, ret_why, "%s is damaged: it has no url", path);
    else
        r = copy(url, &a->url);
    if (!r)
        r = copy(region, &a->region);
    json_decref(root);
    return r;
}

static int read_credentials(const char *state, struct access *a, char *ret_why)
{
    autofree(mem_free) char *path = text_format("%s/credentials", state);
    struct credentials credentials;
    int r;

    if (!path)
        return -ENOMEM;
    r = credentials_read(path, &credentials);
    if (r == CREDENTIALS_E_MALFORMED)
        return refuse(-EINVAL, ret_why, "%s is damaged: it has no keys", path);
    if (r)
        return refuse(r, ret_why, "%s cannot be read: %s", path, strerror(-r));
    r = copy(credentials.access_key_id, &a->access_key_id);
    if (!r)
        r = copy(credentials.secret_access_key, &a->secret_access_key);
    explicit_bzero(&credentials, sizeof(credentials));
    return r;
}

static int from_state(const char *state, struct access *a, char *ret_why)
{
    int r = read_server(state, a, ret_why);

    return r ? r : read_credentials(state, a, ret_why);
}

/* --- the environment -------------------------------------------------------------------------- */

static int from_environment(struct access *a, char *ret_why)
{
    const char *region = variable("AWS_DEFAULT_REGION");
    int r;

    if (!region)
        region = variable("AWS_REGION");
    r = copy(variable("AWS_ENDPOINT_URL"), &a->url);
    if (!r)
        r = copy(region ? region : region_default, &a->region);
    if (!r)
        r = copy(variable("AWS_ACCESS_KEY_ID"), &a->access_key_id);
    if (!r)
        r = copy(variable("AWS_SECRET_ACCESS_KEY"), &a->secret_access_key);
    if (!r)
        r = copy(variable("AWS_SESSION_TOKEN"), &a->session_token);
    if (!r && (!a->access_key_id || !a->secret_access_key))
        r = refuse(
            -EINVAL, ret_why,
            "AWS_ENDPOINT_URL is set, but AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not");
    return r;
}

int access_find_keys(const char *state, struct access **ret_access, char ret_why[ACCESS_WHY_BYTES])
{
    autofree(access_free) struct access *a = calloc(1, sizeof(*a));
    int r;

    if (!a)
        return refuse(-ENOMEM, ret_why, "out of memory");
    r = read_credentials(state, a, ret_why);
    if (r)
        return r;
    *ret_access = steal(a);
    return 0;
}

int access_find(const char *state, struct access **ret_access, char ret_why[ACCESS_WHY_BYTES])
{
    autofree(access_free) struct access *a = calloc(1, sizeof(*a));
    int r;

    snprintf(ret_why, ACCESS_WHY_BYTES, "%s", strerror(ENOMEM));
    if (!a)
        return -ENOMEM;
    if (!state && variable("AWS_ENDPOINT_URL")) {
        r = from_environment(a, ret_why);
    } else {
        if (!state)
            state = variable("WEIR_STATE");
        r = from_state(state ? state : state_default, a, ret_why);
    }
    if (r)
        return r;
    assert(a->url);
    strip_slashes(a->url);
    *ret_access = steal(a);
    return 0;
}

struct access *access_free(struct access *a)
{
    if (!a)
        return NULL;
    free(a->url);
    free(a->region);
    free(a->access_key_id);
    free(a->secret_access_key);
    free(a->session_token);
    free(a);
    return NULL;
}
