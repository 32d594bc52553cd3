#include "cli/aws_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/sigv4.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"

enum { CONNECT_TIMEOUT_S = 5, CALL_TIMEOUT_S = 60, ANSWER_BYTES_MAX = 64 << 20 };

static const char content_type[] = "application/x-amz-json-1.1";

struct aws_client {
    const struct access *access;
    CURL *curl;
    char *host; /* "127.0.0.1:8080", as the Host field has it */
};

/* --- life ------------------------------------------------------------------------------------- */

/* The parts of the server's URL that are signed. */
static int read_url(struct aws_client *c)
{
    CURLU *url = curl_url();
    char *host = NULL, *port = NULL;
    int r = url ? 0 : -ENOMEM;

    if (!r && (curl_url_set(url, CURLUPART_URL, c->access->url, 0) ||
               curl_url_get(url, CURLUPART_HOST, &host, 0)))
        r = -EINVAL;
    if (!r && curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT))
        port = NULL;
    if (!r) {
        c->host = text_format("%s%s%s", host, port ? ":" : "", port ? port : "");
        r = c->host ? 0 : -ENOMEM;
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return r;
}

int aws_client_new(const struct access *access, struct aws_client **ret_client)
{
    autofree(aws_client_free) struct aws_client *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return fault(-ENOMEM);
    c->access = access;
    c->curl = curl_easy_init();
    if (!c->curl)
        return fault(-ENOMEM);
    r = read_url(c);
    if (r)
        return fault(r);
    *ret_client = steal(c);
    return 0;
}

struct aws_client *aws_client_free(struct aws_client *c)
{
    if (!c)
        return NULL;
    curl_easy_cleanup(c->curl);
    free(c->host);
    free(c);
    return NULL;
}

/* --- requests --------------------------------------------------------------------------------- */

static int add_field(struct curl_slist **list, const char *name, const char *value)
{
    autofree(mem_free) char *field = text_format("%s: %s", name, value);
    struct curl_slist *longer = field ? curl_slist_append(*list, field) : NULL;

    if (!longer)
        return fault(-ENOMEM);
    *list = longer;
    return 0;
}

/* The header fields of a signed request. */
static int make_fields(const struct aws_client *c, const char *service, const char *target,
                       const char *body, struct curl_slist **list)
{
    const struct access *a = c->access;
    const struct sigv4_key key = { a->access_key_id, a->secret_access_key, a->session_token };
    const struct http_header signed_fields[] = {
        { SLICE("Content-Type"), SLICE(content_type) },
        { SLICE("Host"), slice_from(c->host) },
        { SLICE("X-Amz-Target"), slice_from(target) },
    };
    autofree(mem_free) char *authorization = NULL;
    char amz_date[17];
    int r = sigv4_sign(&key, a->region, service, "POST", SLICE("/"), SLICE(""), signed_fields,
                       sizeof(signed_fields) / sizeof(*signed_fields), slice_from(body),
                       clock_real()->wall(clock_real()), amz_date, &authorization);

    if (!r)
        r = add_field(list, "Content-Type", content_type);
    if (!r)
        r = add_field(list, "Host", c->host);
    if (!r)
        r = add_field(list, "X-Amz-Target", target);
    if (!r)
        r = add_field(list, "X-Amz-Date", amz_date);
    if (!r)
        r = add_field(list, "Authorization", authorization);
    if (!r && a->session_token)
        r = add_field(list, "X-Amz-Security-Token", a->session_token);
    return fault(r);
}

static size_t take(char *data, size_t size, size_t n, void *answer)
{
    return buffer_append(answer, data, size * n) == 0 ? size * n : 0;
}

static int unreachable(const struct aws_client *c, CURLcode code, struct aws_failure *failure)
{
    failure->code[0] = '\0';
    if (code == CURLE_COULDNT_CONNECT)
        snprintf(failure->why, sizeof(failure->why), "no server answers at %s; is it running?",
                 c->access->url);
    else
        snprintf(failure->why, sizeof(failure->why), "the server at %s gave no answer: %s",
                 c->access->url, curl_easy_strerror(code));
    return AWS_CLIENT_UNREACHABLE;
}

/* Sends, and reads the answer into @answer. */
static int exchange(struct aws_client *c, struct curl_slist *fields, const char *body,
                    struct buffer *answer, long *ret_status, struct aws_failure *failure)
{
    CURL *curl = c->curl;
    CURLcode code;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, c->access->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CALL_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return unreachable(c, code, failure);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    return 0;
}

static const char *member(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int refused(const struct aws_client *c, long status, json_t *output,
                   struct aws_failure *failure)
{
    const char *type = member(output, "__type");
    const char *message = member(output, "message");
    const char *hash = type ? strrchr(type, '#') : NULL;

    snprintf(failure->code, sizeof(failure->code), "%s", hash ? hash + 1 : type ? type : "");
    if (message)
        snprintf(failure->why, sizeof(failure->why), "%s", message);
    else
        snprintf(failure->why, sizeof(failure->why),
                 "what answers at %s is no weir, or a broken one: it says status %ld",
                 c->access->url, status);
    return AWS_CLIENT_REFUSED;
}

static int read_answer(const struct aws_client *c, long status, const struct buffer *answer,
                       json_t **ret_output, struct aws_failure *failure)
{
    json_t *output = buffer_size(answer) > 0
                         ? json_loadb(buffer_data(answer), buffer_size(answer), 0, NULL)
                         : json_object();

    if (status >= 300) {
        refused(c, status, output, failure);
        json_decref(output);
        return AWS_CLIENT_REFUSED;
    }
    if (!output) {
        failure->code[0] = '\0';
        snprintf(failure->why, sizeof(failure->why), "what answers at %s is not weir",
                 c->access->url);
        return AWS_CLIENT_UNREACHABLE;
    }
    *ret_output = output;
    return 0;
}

static int send_call(struct aws_client *c, const char *service, const char *target,
                     const char *body, json_t **ret_output, struct aws_failure *failure)
{
    autobuffer struct buffer answer = BUFFER_INIT(ANSWER_BYTES_MAX);
    struct curl_slist *fields = NULL;
    long status = 0;
    int r = make_fields(c, service, target, body, &fields);

    if (!r)
        r = exchange(c, fields, body, &answer, &status, failure);
    curl_slist_free_all(fields);
    if (r)
        return r > 0 ? r : fault(r);
    return read_answer(c, status, &answer, ret_output, failure);
}

int aws_call(struct aws_client *c, const char *service, const char *target, json_t *input,
             json_t **ret_output, struct aws_failure *failure)
{
    autofree(mem_free) char *body = json_dumps(input, JSON_COMPACT);
    json_t *output = NULL;
    int r;

    json_decref(input);
    if (!body)
        return fault(-ENOMEM);
    r = send_call(c, service, target, body, &output, failure);
    if (r == 0 && ret_output)
        *ret_output = output;
    else
        json_decref(output);
    return r;
}

static int call_by_name(struct aws_client *c, const char *service, const char *prefix,
                        const char *operation, json_t *input, json_t **ret_output,
                        struct aws_failure *failure)
{
    char target[128];

    snprintf(target, sizeof(target), "%s.%s", prefix, operation);
    return aws_call(c, service, target, input, ret_output, failure);
}

int sagemaker_call(struct aws_client *c, const char *operation, json_t *input, json_t **ret_output,
                   struct aws_failure *failure)
{
    return call_by_name(c, "sagemaker", "SageMaker", operation, input, ret_output, failure);
}

int scaling_call(struct aws_client *c, const char *operation, json_t *input, json_t **ret_output,
                 struct aws_failure *failure)
{
    return call_by_name(c, "application-autoscaling", "AnyScaleFrontendService", operation, input,
                        ret_output, failure);
}

int weir_call(struct aws_client *c, const char *operation, json_t *input, json_t **ret_output,
              struct aws_failure *failure)
{
    return call_by_name(c, "weir", "Weir", operation, input, ret_output, failure);
}

/* --- for commands ----------------------------------------------------------------------------- */

int aws_client_for_command(const char *state, struct access **ret_access,
                           struct aws_client **ret_client)
{
    autofree(access_free) struct access *access = NULL;
    char why[ACCESS_WHY_BYTES];
    int r = access_find(state, &access, why);

    if (r)
        return command_failed("%s", why);
    r = aws_client_new(access, ret_client);
    if (r == -EINVAL)
        return command_failed("'%s' is not a URL", access->url);
    if (r)
        return command_failed("%s", strerror(-r));
    *ret_access = steal(access);
    return COMMAND_OK;
}

int aws_command_failed(int r, const struct aws_failure *failure)
{
    if (r < 0)
        return command_failed("%s", strerror(-r));
    if (failure->code[0])
        return command_failed("%s: %s", failure->code, failure->why);
    return command_failed("%s", failure->why);
}
