#include "api/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct shape name =
    STRING("Name", AT_MOST(8), PATTERN("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"));
static const struct shape kind = STRING("Kind", ENUM("ml.a", "ml.b"));
static const struct shape count = INTEGER("Count", BETWEEN(1, 9));
static const struct shape weight = DOUBLE("Weight", AT_LEAST(0));
static const struct shape names = LIST("Names", &name, AT_MOST(2));
static const struct shape environment = MAP("Environment", &name, &name, AT_MOST(2));
static const struct shape variant =
    STRUCTURE("Variant", REQUIRED("VariantName", &name), OPTIONAL("InstanceType", &kind),
              OPTIONAL("InitialInstanceCount", &count), OPTIONAL("Weight", &weight));
static const struct shape variants = LIST("Variants", &variant, BETWEEN(1, 3));
static const struct shape input =
    STRUCTURE("Input", REQUIRED("EndpointName", &name), OPTIONAL("ProductionVariants", &variants),
              OPTIONAL("Names", &names), OPTIONAL("Environment", &environment),
              OPTIONAL("At", &shape_timestamp), OPTIONAL("On", &shape_boolean),
              OPTIONAL("Long", &shape_long));

struct fixture {
    struct patterns *patterns;
};

static int setup(void **state)
{
    static struct fixture f;

    assert_int_equal(patterns_new(&f.patterns), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->patterns = patterns_free(f->patterns);
    return 0;
}

static json_t *read_json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    json_t *read = NULL;
    char *why = NULL;

    assert_non_null(value);
    assert_int_equal(shape_read(&input, value, &read, &why), 0);
    json_decref(value);
    return read;
}

static void assert_reads_as(const char *text, const char *expected)
{
    json_t *read = read_json(text);
    char *dump = json_dumps(read, JSON_COMPACT | JSON_SORT_KEYS);

    assert_string_equal(dump, expected);
    free(dump);
    json_decref(read);
}

static void assert_type_error(const char *text, const char *expected)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    json_t *read = NULL;
    char *why = NULL;

    assert_non_null(value);
    assert_int_equal(shape_read(&input, value, &read, &why), SHAPE_E_TYPE);
    assert_string_equal(why, expected);
    free(why);
    json_decref(value);
}

static void assert_check(struct fixture *f, const char *text, const char *expected)
{
    autobuffer struct buffer why = BUFFER_INIT(1 << 20);
    json_t *read = read_json(text);
    int n = shape_check(&input, read, f->patterns, &why);

    assert_int_equal(n > 0, expected != NULL);
    if (expected)
        assert_string_equal(buffer_cstr(&why), expected);
    json_decref(read);
}

static void drops_what_the_shape_does_not_have(void **state)
{
    assert_reads_as("{\"EndpointName\": \"a\", \"New\": {\"x\": [1]}, \"On\": null}",
                    "{\"EndpointName\":\"a\"}");
    assert_reads_as("{\"Environment\": {\"a\": \"b\", \"c\": null}}",
                    "{\"Environment\":{\"a\":\"b\"}}");
}

static void takes_integers_for_reals_and_whole_reals_for_integers(void **state)
{
    assert_reads_as("{\"At\": 1700000000}", "{\"At\":1700000000.0}");
    assert_reads_as("{\"Long\": 7E1}", "{\"Long\":70}");
    assert_reads_as("{\"ProductionVariants\": [{\"Weight\": 2, \"InitialInstanceCount\": 1.0}]}",
                    "{\"ProductionVariants\":[{\"InitialInstanceCount\":1,\"Weight\":2.0}]}");
}

static void names_the_member_of_the_wrong_type(void **state)
{
    assert_type_error("[]", "Expected an object");
    assert_type_error("{\"EndpointName\": 1}", "Expected a string at 'endpointName'");
    assert_type_error("{\"ProductionVariants\": [{}, {\"InitialInstanceCount\": \"1\"}]}",
                      "Expected an integer at 'productionVariants.2.member.initialInstanceCount'");
    assert_type_error("{\"ProductionVariants\": [{\"InitialInstanceCount\": 4294967296}]}",
                      "Expected an integer at 'productionVariants.1.member.initialInstanceCount'");
    assert_type_error("{\"Long\": 1.5}", "Expected an integer at 'long'");
    assert_type_error("{\"At\": 1e300}", "Expected a timestamp at 'at'");
    assert_type_error("{\"On\": 1}", "Expected true or false at 'on'");
    assert_type_error("{\"Names\": {}}", "Expected a list at 'names'");
    assert_type_error("{\"Names\": [null]}", "Expected a string at 'names.1.member'");
}

static void says_constraint_failures_as_aws_does(void **state)
{
    struct fixture *f = *state;

    assert_check(f, "{\"EndpointName\": \"a-b\"}", NULL);
    assert_check(f, "{}",
                 "1 validation error detected: Value null at 'endpointName' failed to satisfy "
                 "constraint: Member must not be null");
    assert_check(f, "{\"EndpointName\": \"a_b\"}",
                 "1 validation error detected: Value 'a_b' at 'endpointName' failed to satisfy "
                 "constraint: Member must satisfy regular expression pattern: "
                 "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
    assert_check(f, "{\"EndpointName\": \"abcdefghi\"}",
                 "1 validation error detected: Value 'abcdefghi' at 'endpointName' failed to "
                 "satisfy constraint: Member must have length less than or equal to 8");
    assert_check(f,
                 "{\"EndpointName\": \"a\", \"ProductionVariants\": [{\"VariantName\": \"v\", "
                 "\"InstanceType\": \"ml.x\", \"InitialInstanceCount\": 0}]}",
                 "2 validation errors detected: Value 'ml.x' at "
                 "'productionVariants.1.member.instanceType' failed to satisfy constraint: Member "
                 "must satisfy enum value set: [ml.a, ml.b]; Value '0' at "
                 "'productionVariants.1.member.initialInstanceCount' failed to satisfy constraint: "
                 "Member must have value greater than or equal to 1");
    assert_check(f,
                 "{\"EndpointName\": \"a\", \"ProductionVariants\": [{\"VariantName\": \"v\", "
                 "\"Weight\": -0.5}]}",
                 "1 validation error detected: Value '-0.5' at "
                 "'productionVariants.1.member.weight' failed to satisfy constraint: Member must "
                 "have value greater than or equal to 0");
}

static void blames_the_container_for_its_size_and_its_scalars(void **state)
{
    struct fixture *f = *state;

    assert_check(
        f, "{\"EndpointName\": \"a\", \"ProductionVariants\": []}",
        "1 validation error detected: Value '[]' at 'productionVariants' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1");
    assert_check(f, "{\"EndpointName\": \"a\", \"Names\": [\"b\", \"c_\"]}",
                 "1 validation error detected: Value '[b, c_]' at 'names' failed to satisfy "
                 "constraint: Member must satisfy constraint: [Member must satisfy regular "
                 "expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}]");
    assert_check(f, "{\"EndpointName\": \"a\", \"Environment\": {\"k\": \"123456789\"}}",
                 "1 validation error detected: Value '{\"k\":\"123456789\"}' at 'environment' "
                 "failed to satisfy constraint: Map value must satisfy constraint: [Member must "
                 "have length less than or equal to 8]");
    assert_check(f, "{\"EndpointName\": \"a\", \"Environment\": {\"_\": \"1\"}}",
                 "1 validation error detected: Value '{\"_\":\"1\"}' at 'environment' failed to "
                 "satisfy constraint: Map keys must satisfy constraint: [Member must satisfy "
                 "regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}]");
}

static void counts_characters_not_bytes(void **state)
{
    assert_check(*state, "{\"EndpointName\": \"a\", \"Names\": []}", NULL);
    assert_check(*state, "{\"EndpointName\": \"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\"}",
                 "1 validation error detected: Value "
                 "'\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9' at 'endpointName' failed to "
                 "satisfy constraint: Member must satisfy regular expression pattern: "
                 "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
}

static void lists_ten_failures_and_counts_the_rest(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer why = BUFFER_INIT(1 << 20);
    json_t *many = json_pack("{s:s, s:[]}", "EndpointName", "a", "ProductionVariants");
    json_t *read = NULL;
    char *text = NULL;

    for (int i = 0; i < 12; i++)
        json_array_append_new(json_object_get(many, "ProductionVariants"), json_object());
    assert_int_equal(shape_read(&input, many, &read, &text), 0);
    assert_int_equal(shape_check(&input, read, f->patterns, &why), 13);
    assert_non_null(strstr(buffer_cstr(&why), "13 validation errors detected: "));
    assert_non_null(strstr(buffer_cstr(&why), "productionVariants.9.member.variantName"));
    assert_null(strstr(buffer_cstr(&why), "productionVariants.10.member.variantName"));
    json_decref(many);
    json_decref(read);
}

static void quotes_no_more_of_a_long_list_than_of_a_long_text(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer why = BUFFER_INIT(1 << 20);
    json_t *given = json_pack("{s:s, s:[]}", "EndpointName", "a", "Names");
    json_t *read = NULL;
    char *text = NULL, item[1001];

    memset(item, 'x', sizeof(item) - 1);
    item[sizeof(item) - 1] = '\0';
    for (int i = 0; i < 2000; i++)
        json_array_append_new(json_object_get(given, "Names"), json_string(item));
    assert_int_equal(shape_read(&input, given, &read, &text), 0);
    assert_int_equal(shape_check(&input, read, f->patterns, &why), 2);
    assert_true(buffer_size(&why) < 10000);
    assert_non_null(strstr(buffer_cstr(&why), "x, ...' at 'names' failed to satisfy constraint: "
                                              "Member must have length less than or equal to 2"));
    json_decref(given);
    json_decref(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_the_shape_does_not_have),
        cmocka_unit_test(takes_integers_for_reals_and_whole_reals_for_integers),
        cmocka_unit_test(names_the_member_of_the_wrong_type),
        cmocka_unit_test(says_constraint_failures_as_aws_does),
        cmocka_unit_test(blames_the_container_for_its_size_and_its_scalars),
        cmocka_unit_test(counts_characters_not_bytes),
        cmocka_unit_test(lists_ten_failures_and_counts_the_rest),
        cmocka_unit_test(quotes_no_more_of_a_long_list_than_of_a_long_text),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
