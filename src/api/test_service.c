#include "api/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct shape thing_name = STRING("ThingName", BETWEEN(1, 8));
static const struct shape list_input =
    STRUCTURE("ListThingsInput", OPTIONAL("Prefix", &thing_name),
              OPTIONAL("NextToken", &shape_string), OPTIONAL("MaxResults", &shape_integer));
static const struct shape thing = STRUCTURE("Thing", REQUIRED("ThingName", &thing_name));
static const struct shape things = LIST("Things", &thing);
static const struct shape list_output = STRUCTURE("ListThingsOutput", REQUIRED("Things", &things),
                                                  OPTIONAL("NextToken", &shape_string));

static const char *const all[] = { "a", "b", "c", "d", "e" };
static const char *missing; /* from the list, as if it were deleted */

static int list_things(struct api_call *call)
{
    json_t *items = json_array();

    for (size_t i = 0; i < 5; i++)
        if (!missing || strcmp(missing, all[i]) != 0)
            json_array_append_new(items, json_pack("{s:s}", "ThingName", all[i]));
    return api_page(call, "Things", items, "ThingName",
                    (size_t)input_integer(call, "MaxResults", 2));
}

static int refuse(struct api_call *call)
{
    return api_error(call, "ThingInUse", "Thing %d is in use.", 7);
}

static int forget_output(struct api_call *call)
{
    return 0;
}

static const struct operation operations[] = {
    { "ListThings", &list_input, &list_output, list_things },
    { "DeleteThing", &list_input, NULL, refuse },
    { "MakeThing", &list_input, &list_output, forget_output },
    { NULL },
};

static const struct service_error errors[] = {
    { "ThingInUse", "InUse", 409 },
    { NULL },
};

static const struct service service = {
    .name = "Things",
    .constraint_error = "ValidationException",
    .token_error = "InvalidNextTokenException",
    .errors = errors,
    .groups = (const struct operation *const[]){ operations, NULL },
};

static int invoke(struct api_call *call, const char *operation, const char *input)
{
    struct patterns *patterns = NULL;
    json_t *value = input ? json_loads(input, 0, NULL) : NULL;
    int r;

    *call = (struct api_call){ .service = &service,
                               .operation = service_find_operation(&service, operation) };
    assert_non_null(call->operation);
    assert_int_equal(patterns_new(&patterns), 0);
    r = api_invoke(call, value, patterns);
    json_decref(value);
    patterns_free(patterns);
    return r;
}

/* the things on a page, as one word; *ret_token is to free() */
static void list_page(const char *token, const char *extra, char ret_names[8], char **ret_token)
{
    struct api_call call;
    char input[512];
    size_t i;
    json_t *item;
    const char *next;

    snprintf(input, sizeof(input), "{%s%s%s%s}", extra, token ? "\"NextToken\": \"" : "",
             token ? token : "", token ? "\"" : "");
    assert_int_equal(invoke(&call, "ListThings", input), 0);
    ret_names[0] = '\0';
    json_array_foreach (json_object_get(call.output, "Things"), i, item)
        strcat(ret_names, json_string_value(json_object_get(item, "ThingName")));
    next = json_string_value(json_object_get(call.output, "NextToken"));
    *ret_token = next ? strdup(next) : NULL;
    api_call_deinit(&call);
}

static void pages_end_without_a_token(void **state)
{
    char names[8];
    char *one, *two, *three;

    missing = NULL;
    list_page(NULL, "", names, &one);
    assert_string_equal(names, "ab");
    list_page(one, "", names, &two);
    assert_string_equal(names, "cd");
    list_page(two, "", names, &three);
    assert_string_equal(names, "e");
    assert_null(three);
    free(one);
    free(two);
}

static void a_page_size_may_change_between_pages(void **state)
{
    char names[8];
    char *one, *two;

    missing = NULL;
    list_page(NULL, "", names, &one);
    list_page(one, "\"MaxResults\": 3, ", names, &two);
    assert_string_equal(names, "cde");
    assert_null(two);
    free(one);
}

static void a_vanished_item_moves_nothing(void **state)
{
    char names[8];
    char *one, *two;

    missing = NULL;
    list_page(NULL, "", names, &one);
    missing = "a";
    list_page(one, "", names, &two);
    assert_string_equal(names, "cd");
    free(two);
    missing = "c"; /* the next page would have begun with it */
    list_page(one, "", names, &two);
    assert_string_equal(names, "de");
    assert_null(two);
    missing = NULL;
    free(one);
}

static void a_token_is_good_for_its_call_only(void **state)
{
    struct api_call call;
    char names[8], input[512];
    char *one;

    list_page(NULL, "", names, &one);
    snprintf(input, sizeof(input), "{\"Prefix\": \"a\", \"NextToken\": \"%s\"}", one);
    assert_int_equal(invoke(&call, "ListThings", input), API_REFUSED);
    assert_string_equal(call.error, "InvalidNextTokenException");
    assert_string_equal(call.message, "The NextToken value is not valid.");
    api_call_deinit(&call);

    assert_int_equal(invoke(&call, "ListThings", "{\"NextToken\": \"zz\"}"), API_REFUSED);
    assert_string_equal(call.error, "InvalidNextTokenException");
    api_call_deinit(&call);
    free(one);
}

static void input_is_read_and_checked_before_the_handler(void **state)
{
    struct api_call call;

    assert_int_equal(invoke(&call, "ListThings", "{\"MaxResults\": \"x\"}"), API_REFUSED);
    assert_string_equal(call.error, "SerializationException");
    assert_string_equal(call.message, "Expected an integer at 'maxResults'");
    api_call_deinit(&call);
    assert_int_equal(invoke(&call, "ListThings", "{\"Prefix\": \"\"}"), API_REFUSED);
    assert_string_equal(call.error, "ValidationException");
    api_call_deinit(&call);
}

static void errors_have_a_row_or_defaults(void **state)
{
    struct service_error storage;
    const struct service_error *e;
    struct api_call call;

    assert_int_equal(invoke(&call, "DeleteThing", NULL), API_REFUSED);
    assert_string_equal(call.message, "Thing 7 is in use.");
    e = service_error_find(&service, call.error, &storage);
    assert_string_equal(e->query_code, "InUse");
    assert_int_equal(e->status, 409);
    api_call_deinit(&call);
    e = service_error_find(&service, "Other", &storage);
    assert_string_equal(e->query_code, "Other");
    assert_int_equal(e->status, 400);
}

static void an_output_that_is_missing_is_a_fault(void **state)
{
    struct api_call call;

    assert_true(invoke(&call, "MakeThing", NULL) < 0);
    api_call_deinit(&call);
    assert_null(service_find_operation(&service, "NoThing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_end_without_a_token),
        cmocka_unit_test(a_page_size_may_change_between_pages),
        cmocka_unit_test(a_vanished_item_moves_nothing),
        cmocka_unit_test(a_token_is_good_for_its_call_only),
        cmocka_unit_test(input_is_read_and_checked_before_the_handler),
        cmocka_unit_test(errors_have_a_row_or_defaults),
        cmocka_unit_test(an_output_that_is_missing_is_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
