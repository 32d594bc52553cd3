/* cli/aws_client.h: calls of AWS JSON operations, signed, for commands.
 *
 * One call at a time, over libcurl; nothing is retried: a command that fails says so at once.
 */
#pragma once
#include <jansson.h>

#include "base/cleanup.h"
#include "cli/access.h"

struct aws_client;

enum { AWS_CLIENT_WHY_BYTES = 1024, AWS_CLIENT_CODE_BYTES = 96 };

enum {
    AWS_CLIENT_REFUSED = 1, /* the server answered with an error: code and why */
    AWS_CLIENT_UNREACHABLE, /* there was no answer, or none that can be read: why */
};

/* why a call failed */
struct aws_failure {
    char code[AWS_CLIENT_CODE_BYTES]; /* "ValidationException"; "" if unreachable */
    char why[AWS_CLIENT_WHY_BYTES];   /* a sentence, cut if need be */
};

/** aws_client_new() - @access is borrowed for the client's life. Return: 0 or a negative errno. */
int aws_client_new(const struct access *access, struct aws_client **ret_client);
struct aws_client *aws_client_free(struct aws_client *client);
DEFINE_AUTOFREE(struct aws_client *, aws_client_free)

/**
 * aws_call() - call an operation
 * @service:    signing name, "sagemaker"
 * @target:     "SageMaker.DescribeEndpoint"
 * @input:      taken over, also on failure; NULL is taken for lack of memory
 * @ret_output: new reference; an empty object for operations without output. May be NULL.
 *
 * Return: 0, AWS_CLIENT_REFUSED, AWS_CLIENT_UNREACHABLE, or a negative errno.
 */
int aws_call(struct aws_client *client, const char *service, const char *target, json_t *input,
             json_t **ret_output, struct aws_failure *ret_failure);

/** sagemaker_call(), scaling_call(), weir_call() - the same, by the operation's name */
int sagemaker_call(struct aws_client *client, const char *operation, json_t *input,
                   json_t **ret_output, struct aws_failure *ret_failure);
int scaling_call(struct aws_client *client, const char *operation, json_t *input,
                 json_t **ret_output, struct aws_failure *ret_failure);
int weir_call(struct aws_client *client, const char *operation, json_t *input, json_t **ret_output,
              struct aws_failure *ret_failure);

/** aws_client_for_command() - find the server as access_find() does and make a client for it; or
 * say why not. @ret_access outlives the client. Return: a COMMAND_* code. */
int aws_client_for_command(const char *state, struct access **ret_access,
                           struct aws_client **ret_client);

/** aws_command_failed() - print why a call failed. @r: what the call returned. Return:
 * COMMAND_FAILED. */
int aws_command_failed(int r, const struct aws_failure *failure);
