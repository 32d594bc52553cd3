/* Security Token Service: GetCallerIdentity, which tools call to learn whether keys work.
 * Source: the STS service model (2011-06-15). */
#include <errno.h>

#include "api/service.h"
#include "base/error.h"
#include "base/text.h"
#include "control/key.h"

static const struct shape input = STRUCTURE("GetCallerIdentityRequest");
static const struct shape output =
    STRUCTURE("GetCallerIdentityResponse", OPTIONAL("UserId", &shape_string),
              OPTIONAL("Account", &shape_string), OPTIONAL("Arn", &shape_string));

/* Whoever holds the server's key is its owner: the account's root user, whose id is the account's.
 * Other keys are users, called as in refusals of what they may not do. */
static int get_caller_identity(struct api_call *call)
{
    const char *account = call->control->settings.account;
    const struct key *key = key_find(call->control, call->principal);
    autofree(mem_free) char *arn = key ? text_format("arn:aws:iam::%s:user/%s", account, key->id)
                                       : text_format("arn:aws:iam::%s:root", account);

    if (!arn)
        return fault(-ENOMEM);
    call->output = json_pack("{s:s, s:s, s:s}", "UserId", key ? key->id : account, "Account",
                             account, "Arn", arn);
    return 0;
}

static const struct operation operations[] = {
    { "GetCallerIdentity", &input, &output, get_caller_identity },
    { NULL },
};

const struct service sts_service = {
    .name = "AWS Security Token Service",
    .signing_name = "sts",
    .protocols = SERVICE_QUERY,
    .query_version = "2011-06-15",
    .xml_namespace = "https://sts.amazonaws.com/doc/2011-06-15/",
    .constraint_error = "ValidationError",
    .token_error = "ValidationError",
    .groups = (const struct operation *const[]){ operations, NULL },
};
