/* weir key: make, list, change and delete keys beside the server's own. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/access.h"
#include "cli/aws_client.h"
#include "cli/command.h"
#include "cli/table.h"

static const char help[] =
    "usage: weir key create [--name NAME] [--type bearer|access] [PERMISSION...]\n"
    "       weir key list [--json]\n"
    "       weir key update KEY-ID PERMISSION...\n"
    "       weir key delete KEY-ID\n"
    "\n"
    "Keys for clients that shall not have the server's own, which may do everything. A bearer key\n"
    "is sent as 'Authorization: Bearer KEY'; an access key signs requests, as AWS's clients do.\n"
    "What is made is printed once; the server keeps only the hash of a bearer key. Changes reach\n"
    "every proxy at once.\n"
    "\n"
    "Permissions (none at first):\n"
    "  --invoke PATTERN  invoke the endpoints whose name fits, '*' for any characters; may be\n"
    "                    given again. With update it replaces all patterns before\n"
    "  --no-invoke       invoke none\n"
    "  --read, --no-read     call APIs that show and change nothing\n"
    "  --admin, --no-admin   do everything\n"
    "\n"
    "Options:\n"
    "  --name NAME       for people, up to 64 bytes\n"
    "  --type TYPE       bearer (default) or access\n"
    "  --json            print what the server says, as JSON\n"
    "  --state DIR       the server's state directory (default: $WEIR_STATE or ./weir-state;\n"
    "                    AWS_ENDPOINT_URL is heeded too)\n"
    "  --help            show this\n";

struct request {
    const char *state;
    bool json;
    json_t *input; /* of the operation */
    json_t *invoke;
};

/* --- printing --------------------------------------------------------------------------------- */

static const char *text(json_t *object, const char *member)
{
    const char *t = json_string_value(json_object_get(object, member));

    return t ? t : "";
}

static char *join(json_t *patterns)
{
    char *joined = strdup("");
    json_t *pattern;
    size_t i;

    json_array_foreach (patterns, i, pattern) {
        char *longer =
            joined ? text_format("%s%s%s", joined, i ? " " : "", json_string_value(pattern)) : NULL;
        free(joined);
        joined = longer;
    }
    return joined;
}

static int print_created(json_t *answer)
{
    json_t *key = json_object_get(answer, "Key");

    if (strcmp(text(key, "Type"), "bearer") == 0)
        printf("%s\n", text(answer, "Secret"));
    else
        printf("export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY='%s'\n",
               text(key, "KeyId"), text(answer, "Secret"));
    fprintf(stderr, "This is shown only now. Its id is %s.\n", text(key, "KeyId"));
    return COMMAND_OK;
}

static int print_list(json_t *answer)
{
    static const char *const headings[] = { "KEY ID", "NAME", "TYPE",   "CREATED",
                                            "ADMIN",  "READ", "INVOKE", NULL };
    autotable struct table t;
    json_t *keys = json_object_get(answer, "Keys"), *key;
    size_t i;

    table_init(&t, headings);
    json_array_foreach (keys, i, key) {
        autofree(mem_free) char *invoke = join(json_object_get(key, "Invoke"));
        double created = json_number_value(json_object_get(key, "CreationTime"));
        char at[TEXT_ISO8601_BYTES];

        text_iso8601((wall_ms_t)(created * 1000), at);
        table_add(&t, "%s", text(key, "KeyId"));
        table_add(&t, "%s", text(key, "Name"));
        table_add(&t, "%s", text(key, "Type"));
        table_add(&t, "%s", at);
        table_add(&t, "%s", json_is_true(json_object_get(key, "Admin")) ? "yes" : "");
        table_add(&t, "%s", json_is_true(json_object_get(key, "Read")) ? "yes" : "");
        table_add(&t, "%s", invoke ? invoke : "");
    }
    return table_print(&t, stdout) ? command_failed("out of memory") : COMMAND_OK;
}

static int print_nothing(json_t *answer)
{
    (void)answer;
    return COMMAND_OK;
}

/* --- asking ----------------------------------------------------------------------------------- */

static const struct verb {
    const char *name, *operation;
    bool takes_id, takes_permissions;
    int (*print)(json_t *answer);
} verbs[] = {
    { "create", "CreateKey", false, true, print_created },
    { "list", "ListKeys", false, false, print_list },
    { "update", "UpdateKey", true, true, print_nothing },
    { "delete", "DeleteKey", true, false, print_nothing },
};

static int ask(const struct verb *verb, struct request *q)
{
    autofree(access_free) struct access *access = NULL;
    autofree(aws_client_free) struct aws_client *client = NULL;
    struct aws_failure failure;
    json_t *answer = NULL;
    int r = aws_client_for_command(q->state, &access, &client);

    if (r)
        return r;
    r = weir_call(client, verb->operation, json_incref(q->input), &answer, &failure);
    if (r)
        return aws_command_failed(r, &failure);
    if (q->json) {
        json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else {
        r = verb->print(answer);
    }
    json_decref(answer);
    return r;
}

/* --- the command line ------------------------------------------------------------------------- */

static const struct option options[] = {
    { "name", required_argument, NULL, 'n' },   { "type", required_argument, NULL, 't' },
    { "invoke", required_argument, NULL, 'i' }, { "no-invoke", no_argument, NULL, 'I' },
    { "read", no_argument, NULL, 'r' },         { "no-read", no_argument, NULL, 'R' },
    { "admin", no_argument, NULL, 'a' },        { "no-admin", no_argument, NULL, 'A' },
    { "json", no_argument, NULL, 'j' },         { "state", required_argument, NULL, 's' },
    { "help", no_argument, NULL, 'h' },         { 0 },
};

static int take(struct request *q, int option)
{
    switch (option) {
    case 'n':
        return json_object_set_new(q->input, "Name", json_string(optarg));
    case 't':
        return json_object_set_new(q->input, "Type", json_string(optarg));
    case 'i':
        return json_array_append_new(q->invoke, json_string(optarg)) ||
               json_object_set(q->input, "Invoke", q->invoke);
    case 'I':
        return json_array_clear(q->invoke) || json_object_set(q->input, "Invoke", q->invoke);
    case 'r':
    case 'R':
        return json_object_set_new(q->input, "Read", json_boolean(option == 'r'));
    case 'a':
    case 'A':
        return json_object_set_new(q->input, "Admin", json_boolean(option == 'a'));
    case 's':
        q->state = optarg;
        return 0;
    default:
        q->json = true;
        return 0;
    }
}

/* Return: COMMAND_OK, COMMAND_USAGE, COMMAND_FAILED, or -1 after --help. */
static int read_options(int argc, char **argv, struct request *q)
{
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'h') {
            fputs(help, stdout);
            return -1;
        }
        if (o == '?')
            return command_misused("key", NULL);
        if (take(q, o))
            return command_failed("'%s' is no text", optarg ? optarg : "");
    }
    return COMMAND_OK;
}

static int run(int argc, char **argv, struct request *q)
{
    const struct verb *verb = NULL;
    const char *name = optind < argc ? argv[optind++] : NULL;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (name && strcmp(verbs[i].name, name) == 0)
            verb = &verbs[i];
    if (!verb)
        return command_misused("key", "say create, list, update or delete");
    if (!verb->takes_permissions && json_object_size(q->input) > 0)
        return command_misused("key", "%s has no such options", verb->name);
    if (verb->takes_id && (json_object_get(q->input, "Name") || json_object_get(q->input, "Type")))
        return command_misused("key", "--name and --type are for create");
    if (verb->takes_id && verb->takes_permissions && json_object_size(q->input) == 0)
        return command_misused("key", "what is the key to be permitted, or forbidden?");
    if (verb->takes_id && optind == argc)
        return command_misused("key", "%s needs the id of a key", verb->name);
    if (verb->takes_id && json_object_set_new(q->input, "KeyId", json_string(argv[optind++])))
        return command_failed("the id is no text");
    if (optind < argc)
        return command_misused("key", "unexpected argument '%s'", argv[optind]);
    return ask(verb, q);
}

int command_key(int argc, char **argv)
{
    struct request q = { .input = json_object(), .invoke = json_array() };
    int r = q.input && q.invoke ? read_options(argc, argv, &q) : command_failed("out of memory");

    if (!r)
        r = run(argc, argv, &q);
    json_decref(q.input);
    json_decref(q.invoke);
    return r < 0 ? COMMAND_OK : r;
}
