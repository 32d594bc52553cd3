/* What is said of a route file that is wrong: where in it, what is there, and what would be right. */
#include "cli/proxy_routes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/front_options.h"

#define TARGET           "{'id':'t','address':'127.0.0.1:1'}"
#define GROUP(members)   "{'target_groups':[{'id':'f'},{'id':'g'," members "}]}"
#define TARGETS(targets) GROUP("'targets':[" TARGET "," targets "]")
#define TIMES            "must be milliseconds from 1 to 31622400000 (a year)"
#define NUMBERS          "must be a whole number from 0 to 4294967295"
#define LONG_128                                                                                   \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct wrong {
    const char *text; /* with ' for " */
    const char *why;
};

/* in the order of the file's parts; then what refers to others */
static const struct wrong files[] = {
    { "", "line 1 column 0: this is no JSON: '[' or '{' expected near end of file" },
    { "{'routes':[}", "line 1 column 12: this is no JSON: unexpected token near '}'" },
    { "{'routes':[],'routes':[]}",
      "line 1 column 21: this is no JSON: duplicate object key near '\"routes\"'" },
    { "[]", "it is a list, but must be an object" },
    { "{'route':[]}", "there is no 'route'; 'routes' is meant, perhaps" },
    { "{'servers':[]}",
      "there is no 'servers'; there are version, revision, settings, credentials, "
      "endpoints, target_groups, routes" },
    { "{'type':'hello'}", "there is no 'type'; there are version, revision, settings, credentials, "
                          "endpoints, target_groups, routes" },
    { "{'settings':7}", "settings: it is 7, but must be an object" },
    { "{'settings':{'auth':'no'}}", "settings.auth: it is 'no', but must be true or false" },
    { "{'settings':{'authh':true}}", "settings: there is no 'authh'; 'auth' is meant, perhaps" },
    { "{'settings':{'account':'0123456789012345'}}",
      "settings.account: it is '0123456789012345', but must be a text of up to 15 bytes" },
    { "{'settings':{'body_bytes_max':-1}}",
      "settings.body_bytes_max: it is -1, but must be a whole number, 0 or more" },

    { "{'target_groups':{}}", "target_groups: it is an object, but must be a list" },
    { "{'target_groups':['g']}", "target_groups[0]: it is 'g', but must be an object" },
    { "{'target_groups':[{'id':'f'},{}]}",
      "target_groups[1].id: it is missing, and must be a text of 1 up to 127 bytes" },
    { "{'target_groups':[{'id':''}]}",
      "target_groups[0].id: it is '', but must be a text of 1 up to 127 bytes" },
    { "{'target_groups':[{'id':null}]}",
      "target_groups[0].id: it is null, but must be a text of 1 up to 127 bytes" },
    { "{'target_groups':[{'id':'" LONG_128 "'}]}",
      "target_groups[0].id: it is '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      "...', but must be a text of 1 up to 127 bytes" },
    { "{'target_groups':[{'id':'g'},{'id':'f'},{'id':'g'}]}",
      "target_groups[2].id: 'g' is there twice; target_groups[0] has it, and each group must have "
      "its own" },
    { GROUP("'concurency_max':4"),
      "target_groups[1]: there is no 'concurency_max'; 'concurrency_max' is meant, perhaps" },
    { GROUP("'algorithm':'least_conn'"),
      "target_groups[1].algorithm: it is 'least_conn', but must be one of least_outstanding, "
      "random, "
      "weighted_random, round_robin, power_of_two, least_expected_wait" },
    { GROUP("'algorithm':3"),
      "target_groups[1].algorithm: it is 3, but must be one of least_outstanding, random, "
      "weighted_random, round_robin, power_of_two, least_expected_wait" },
    { GROUP("'protocol_version':'HTTP/2'"),
      "target_groups[1].protocol_version: it is 'HTTP/2', but "
      "must be one of HTTP1, HTTP2, GRPC" },
    { GROUP("'stickiness':'ip'"),
      "target_groups[1].stickiness: it is 'ip', but must be one of none, cookie, header" },
    { GROUP("'client_gone':'finsh'"),
      "target_groups[1].client_gone: it is 'finsh', but must be one of cancel, finish" },
    { GROUP("'fin_means_gone':1"),
      "target_groups[1].fin_means_gone: it is 1, but must be true or false" },
    { GROUP("'concurrency_max':1.5"), "target_groups[1].concurrency_max: it is 1.5, but " NUMBERS },
    { GROUP("'concurrency_max':4294967296"),
      "target_groups[1].concurrency_max: it is 4294967296, but " NUMBERS },
    { GROUP("'zone_spill':'2'"),
      "target_groups[1].zone_spill: it is '2', but must be a number, 0 or more" },
    { GROUP("'zone_spill':0.5"),
      "target_groups[1].zone_spill: it is 0.5, but must be 0 (off), or 1 or more" },
    { GROUP("'sticky_load_max':0.9"),
      "target_groups[1].sticky_load_max: it is 0.9, but must be 0 (off), or 1 or more" },
    { GROUP("'eject_percent_max':101"),
      "target_groups[1].eject_percent_max: it is 101, but must be a percentage from 0 to 100" },
    { GROUP("'retry_percent':200"),
      "target_groups[1].retry_percent: it is 200, but must be a percentage from 0 to 100" },
    { GROUP("'health_path':'ping'"),
      "target_groups[1].health_path: 'ping' does not begin with '/'" },
    { GROUP("'health_matcher':'2xx'"),
      "target_groups[1].health_matcher: '2xx' is no list of codes; "
      "it must be like 200 or 200-299,404" },
    { GROUP("'healthy_threshold':0"),
      "target_groups[1].healthy_threshold: it is 0, but must be a whole number, 1 or more" },
    { GROUP("'unhealthy_threshold':0"),
      "target_groups[1].unhealthy_threshold: it is 0, but must be a whole number, 1 or more" },
    { GROUP("'request_timeout_ms':0"), "target_groups[1].request_timeout_ms: it is 0, but " TIMES },
    { GROUP("'idle_timeout_ms':'60s'"),
      "target_groups[1].idle_timeout_ms: it is '60s', but must be a whole number, 0 or more" },
    { GROUP("'stream_timeout_ms':9223372036854775807"),
      "target_groups[1].stream_timeout_ms: it is 9223372036854775807, but " TIMES },
    { GROUP("'health_interval_ms':0"), "target_groups[1].health_interval_ms: it is 0, but " TIMES },
    { GROUP("'health_timeout_ms':0"), "target_groups[1].health_timeout_ms: it is 0, but " TIMES },
    { GROUP("'queue_timeout_ms':99999999999999"),
      "target_groups[1].queue_timeout_ms: it is 99999999999999, but must be milliseconds from 0 to "
      "31622400000 (a year)" },
    { GROUP("'stickiness':'cookie','sticky_name':'a b'"),
      "target_groups[1].sticky_name: 'a b' is no name of a cookie or field; it must be letters, "
      "digits and hyphens" },
    { GROUP("'zones':[{'weight':2}]"),
      "target_groups[1].zones[0].zone: it is missing, and must be a text of 1 up to 63 bytes" },

    { GROUP("'targets':{}"), "target_groups[1].targets: it is an object, but must be a list" },
    { TARGETS("'127.0.0.1:2'"),
      "target_groups[1].targets[1]: it is '127.0.0.1:2', but must be an object" },
    { TARGETS("{'address':'127.0.0.1:2'}"),
      "target_groups[1].targets[1].id: it is missing, and must be a text of 1 up to 127 bytes" },
    { TARGETS("{'id':'u'}"), "target_groups[1].targets[1].address: it is missing, and must be a "
                             "text of 1 up to 127 bytes" },
    { TARGETS("{'id':7,'address':'127.0.0.1:2'}"),
      "target_groups[1].targets[1].id: it is 7, but must be a text of 1 up to 127 bytes" },
    { TARGETS("{'id':'u','address':'example.com:80'}"),
      "target_groups[1].targets[1].address: 'example.com:80' is no address; it must be HOST:PORT "
      "with "
      "a numeric host or localhost, like 127.0.0.1:9001, or unix:/path" },
    { TARGETS("{'id':'u','address':'127.0.0.1:2','local_address':'127.0.0.1:3'}"),
      "target_groups[1].targets[1].local_address: '127.0.0.1:3' is no Unix socket; it must be "
      "unix:/path" },
    { TARGETS("{'id':'u','address':'127.0.0.1:2','wieght':2}"),
      "target_groups[1].targets[1]: there is no 'wieght'; 'weight' is meant, perhaps" },
    { TARGETS("{'id':'u','address':'127.0.0.1:2','weight':-1}"),
      "target_groups[1].targets[1].weight: it is -1, but must be a number, 0 or more" },
    { TARGETS(TARGET), "target_groups[1].targets[1].id: 't' is there twice; targets[0] has it, and "
                       "each target of a group must have its own" },

    { "{'routes':[{'path_prefix':'/'}]}",
      "routes[0].target_group: it is missing, and must be a text of 1 up to 127 bytes" },
    { "{'routes':[{'path_prefix':'x','target_group':'g'}],'target_groups':[{'id':'g'}]}",
      "routes[0].path_prefix: 'x' does not begin with '/'" },
    { "{'routes':[{'path_prefix':'/','target_group':'g'}]}",
      "routes[0].target_group: there is no target group 'g'; it must be an id of target_groups, "
      "which "
      "are none" },
    { "{'routes':[{'path_prefix':'/','target_group':'h'}],"
      "'target_groups':[{'id':'f'},{'id':'g'}]}",
      "routes[0].target_group: there is no target group 'h'; it must be an id of target_groups, "
      "which "
      "has f, g" },
    { "{'routes':[{'path_prefix':'/','target_group':'g'},{'path_prefix':'/','target_group':'g'}],"
      "'target_groups':[{'id':'g'}]}",
      "routes[1].path_prefix: '/' is there twice; routes[0] has it, and each route must have its "
      "own" },
    { "{'endpoints':[{'name':'e','variants':[{'name':'v','target_group':'g'}]}]}",
      "endpoints[0].variants[0].target_group: there is no target group 'g'; it must be an id of "
      "target_groups, which are none" },
    { "{'endpoints':[{'variants':[]}]}",
      "endpoints[0].name: it is missing, and must be a text of 1 up to 127 bytes" },
    { "{'credentials':[{'secret_access_key':'s'}]}",
      "credentials[0].access_key_id: it is missing, and must be a text of 1 up to 127 bytes" },
};

static const struct wrong options[] = {
    { "{'options':[]}", "options: it is a list, but must be an object" },
    { "{'options':{'conections-max':3}}",
      "options: there is no 'conections-max'; 'connections-max' is meant, perhaps" },
    { "{'options':{'io':'kqueue'}}",
      "options.io: it is 'kqueue', but must be epoll, uring or auto" },
    { "{'options':{'connections-max':0}}",
      "options.connections-max: it is 0, but must be a whole number from 1 to 10000000" },
    { "{'options':{'head-timeout':true}}",
      "options.head-timeout: it is true, but must be whole seconds from 1 to 86400" },
    { "{'options':{'trusted-proxies':'nobody'}}",
      "options.trusted-proxies: it is 'nobody', but must "
      "be networks like 10.0.0.0/8, with commas between "
      "them" },
    { "{'options':{'access-log':3}}",
      "options.access-log: it is 3, but must be a path, or the number "
      "of an open descriptor as a text" },
};

/* main.c's, which options.c wants: there is no command line here. */
int command_misused(const char *command, const char *format, ...)
{
    fail_msg("%s: %s", command, format);
    return 2;
}

static void write_file(char *path, const char *text)
{
    int fd;
    FILE *file;

    strcpy(path, "/tmp/weir-routes-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    for (; *text; text++)
        putc(*text == '\'' ? '"' : *text, file);
    fclose(file);
}

static void check_why(const char *text, int outcome, const char *why, const char *expected)
{
    if (outcome != -EINVAL || strcmp(why, expected) != 0)
        fail_msg("%s\ngave %d and   %s\ninstead of  %s", text, outcome, why, expected);
}

static void a_wrong_file_is_told_where_and_what_would_be_right(void **state)
{
    char path[32], why[PROXY_ROUTES_WHY_BYTES];
    struct link_snapshot s;
    int r;
    (void)state;

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        write_file(path, files[i].text);
        r = proxy_routes_read(path, 1, &s, why);
        unlink(path);
        check_why(files[i].text, r, why, files[i].why);
    }
}

static void wrong_options_are_told_the_same_way(void **state)
{
    char path[32], why[PROXY_ROUTES_WHY_BYTES];
    struct front_options o;
    json_t *json;
    (void)state;

    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        write_file(path, options[i].text);
        assert_int_equal(proxy_routes_options(path, &json, why), 0);
        unlink(path);
        front_options_init(&o);
        check_why(options[i].text, front_options_take_json(&o, json, why), why, options[i].why);
        json_decref(json);
    }
}

static void a_file_that_cannot_be_read_is_told_why(void **state)
{
    char why[PROXY_ROUTES_WHY_BYTES];
    struct link_snapshot s;
    json_t *json;
    (void)state;

    assert_int_equal(proxy_routes_read("/nowhere/routes.json", 1, &s, why), -ENOENT);
    assert_string_equal(why, "the file cannot be read: No such file or directory");
    assert_int_equal(proxy_routes_options("/tmp", &json, why), -EISDIR);
    assert_string_equal(why, "the file cannot be read: Is a directory");
}

/* However long the names in it are, a complaint ends, and begins with the place. */
static void long_lists_are_cut(void **state)
{
    char path[32], why[PROXY_ROUTES_WHY_BYTES], text[8192] = "{'target_groups':[{'id':'a'}";
    struct link_snapshot s;
    size_t n = strlen(text);
    (void)state;

    for (int i = 0; i < 40; i++)
        n +=
            (size_t)snprintf(text + n, sizeof(text) - n, ",{'id':'group-%d-%s'}", i, LONG_128 + 28);
    snprintf(text + n, sizeof(text) - n, "],'routes':[{'path_prefix':'/','target_group':'b'}]}");
    write_file(path, text);
    assert_int_equal(proxy_routes_read(path, 1, &s, why), -EINVAL);
    unlink(path);
    assert_int_equal(strlen(why), sizeof(why) - 1);
    assert_memory_equal(why, "routes[0].target_group: ", 24);
}

static void what_a_file_may_leave_out_is_there(void **state)
{
    char path[32], why[PROXY_ROUTES_WHY_BYTES];
    struct link_snapshot s;
    (void)state;

    write_file(path, "{'type':'snapshot','options':{'io':'epoll'},'target_groups':["
                     "{'id':'g','protocol_version':'GRPC','targets':[" TARGET "]},{'id':'h'}]}");
    if (proxy_routes_read(path, 7, &s, why))
        fail_msg("%s", why);
    unlink(path);
    assert_int_equal(s.revision, 7);
    assert_true(s.settings.auth);
    assert_string_equal(s.target_groups[0].health_path, "/AWS.ALB/healthcheck");
    assert_string_equal(s.target_groups[1].health_path, "/ping");
    assert_string_equal(s.target_groups[0].targets[0].id, "t");
    link_snapshot_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_file_is_told_where_and_what_would_be_right),
        cmocka_unit_test(wrong_options_are_told_the_same_way),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told_why),
        cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(what_a_file_may_leave_out_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
