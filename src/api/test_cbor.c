#include "api/rpc_cbor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct shape names = LIST("Names", &shape_string);
static const struct shape numbers = MAP("Numbers", &shape_string, &shape_double);
static const struct shape output = STRUCTURE(
    "Output", OPTIONAL("Name", &shape_string), OPTIONAL("At", &shape_timestamp),
    OPTIONAL("Value", &shape_double), OPTIONAL("Count", &shape_long),
    OPTIONAL("On", &shape_boolean), OPTIONAL("Names", &names), OPTIONAL("Numbers", &numbers));

/* hex to bytes; @ret has room for half of it */
static struct slice unhex(const char *hex, char *ret)
{
    assert_int_equal(text_unhex(slice_from(hex), ret, strlen(hex) / 2), 0);
    return (struct slice){ ret, strlen(hex) / 2 };
}

static void assert_decodes(const char *hex, const char *expected)
{
    char bytes[512];
    const char *why = NULL;
    json_t *value = NULL;
    char *text;

    assert_int_equal(cbor_decode(unhex(hex, bytes), &value, &why), 0);
    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void assert_malformed(const char *hex, const char *expected)
{
    char bytes[512];
    const char *why = NULL;
    json_t *value = NULL;

    assert_int_equal(cbor_decode(unhex(hex, bytes), &value, &why), CBOR_E_MALFORMED);
    assert_string_equal(why, expected);
}

/* examples of RFC 8949, appendix A */
static const struct {
    const char *hex, *json;
} rfc_examples[] = {
    { "00", "0" },
    { "17", "23" },
    { "1818", "24" },
    { "1903e8", "1000" },
    { "1b000000e8d4a51000", "1000000000000" },
    { "1bffffffffffffffff", "1.8446744073709552e19" },
    { "20", "-1" },
    { "3903e7", "-1000" },
    { "3bffffffffffffffff", "-1.8446744073709552e19" },
    { "f93c00", "1.0" },
    { "f97bff", "65504.0" },
    { "f90001", "5.9604644775390625e-8" },
    { "f9c400", "-4.0" },
    { "f97c00", "\"Infinity\"" },
    { "f97e00", "\"NaN\"" },
    { "f9fc00", "\"-Infinity\"" },
    { "fa47c35000", "100000.0" },
    { "fb3ff199999999999a", "1.1000000000000001" },
    { "fb7ff8000000000000", "\"NaN\"" },
    { "f4", "false" },
    { "f5", "true" },
    { "f6", "null" },
    { "f7", "null" },
    { "c11a514b67b0", "1363896240" },
    { "c1fb41d452d9ec200000", "1363896240.5" },
    { "4401020304", "null" },
    { "60", "\"\"" },
    { "6449455446", "\"IETF\"" },
    { "62c3bc", "\"\\u00fc\"" },
    { "80", "[]" },
    { "8301820203820405", "[1,[2,3],[4,5]]" },
    { "a0", "{}" },
    { "a26161016162820203", "{\"a\":1,\"b\":[2,3]}" },
    { "5f42010243030405ff", "null" },
    { "7f657374726561646d696e67ff", "\"streaming\"" },
    { "9fff", "[]" },
    { "9f018202039f0405ffff", "[1,[2,3],[4,5]]" },
    { "bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}" },
};

static void decodes_the_examples_of_the_rfc(void **state)
{
    for (size_t i = 0; i < sizeof(rfc_examples) / sizeof(*rfc_examples); i++) {
        char bytes[64];
        const char *why = NULL;
        json_t *value = NULL, *expected = json_loads(rfc_examples[i].json, JSON_DECODE_ANY, NULL);

        assert_int_equal(cbor_decode(unhex(rfc_examples[i].hex, bytes), &value, &why), 0);
        assert_true(json_equal(value, expected));
        json_decref(value);
        json_decref(expected);
    }
}

/* as botocore sends it */
static void decodes_a_clients_put_metric_data(void **state)
{
    assert_decodes("a2694e616d65737061636562"
                   "41426a4d65747269634461746181a46a4d65747269634e616d65616d6954696d657374616d70"
                   "c11a695735a56556616c7565fb3ff8000000000000715374"
                   "6f726167655265736f6c7574696f6e01",
                   "{\"MetricData\":[{\"MetricName\":\"m\",\"StorageResolution\":1,"
                   "\"Timestamp\":1767323045,\"Value\":1.5}],\"Namespace\":\"AB\"}");
}

/* the reference's vectors: a captured PutMetricData, timestamps, an empty structure */
static void captured_put_metric_data_and_timestamps_read_as_they_were_meant(void **state)
{
    assert_decodes(
        "a2694e616d6573706163656241426a4d65747269634461746181a66a4d65747269634e616d65"
        "616d6a44696d656e73696f6e7381a2644e616d6561646556616c756561766954696d65737461"
        "6d70c11a695735a56556616c7565fb3ff800000000000064556e697465436f756e747153746f"
        "726167655265736f6c7574696f6e01",
        "{\"MetricData\":[{\"Dimensions\":[{\"Name\":\"d\",\"Value\":\"v\"}],\"MetricName\":\"m\","
        "\"StorageResolution\":1,\"Timestamp\":1767323045,\"Unit\":\"Count\",\"Value\":1.5}],"
        "\"Namespace\":\"AB\"}");
    assert_decodes("a1624174c1fb41da55cd6947df3b", "{\"At\":1767323045.1229999}");
    assert_decodes("a1624174c11a695735a5", "{\"At\":1767323045}");
    assert_decodes("a0", "{}");
}

static void an_empty_body_is_an_empty_map(void **state)
{
    assert_decodes("", "{}");
    assert_decodes("bfff", "{}");
}

static void refuses_what_is_not_cbor(void **state)
{
    assert_malformed("a1", "The body ends inside an item");
    assert_malformed("1b0000", "The body ends inside an item");
    assert_malformed("6261", "The body ends inside a string");
    assert_malformed("7bffffffffffffffff", "The body ends inside a string");
    assert_malformed("9bffffffffffffffff", "The body ends inside an item");
    assert_malformed("0000", "Something stands behind the body's item");
    assert_malformed("1c", "An item's first byte has no meaning");
    assert_malformed("1f", "An item cannot have an indefinite length");
    assert_malformed("ff", "An item cannot have an indefinite length");
    assert_malformed("f800", "A simple value has no meaning");
    assert_malformed("a10102", "A map's key is not text");
    assert_malformed("a2616101616102", "A map has a key twice");
    assert_malformed("61ff", "A string is not UTF-8");
    assert_malformed("a161ff01", "A map's key is not UTF-8");
    assert_malformed("6100", "A string holds a NUL character");
    assert_malformed("7f4161ff", "A string's chunk is not a string");
    assert_malformed("7f7f6161ffff", "A string's chunk is not a string");
}

static void refuses_deep_nesting(void **state)
{
    char hex[2 * SHAPE_DEPTH_MAX + 3];

    memset(hex, '0', sizeof(hex));
    for (size_t i = 0; i < SHAPE_DEPTH_MAX; i++)
        memcpy(hex + 2 * i, "81", 2);
    hex[2 * SHAPE_DEPTH_MAX + 2] = '\0';
    assert_malformed(hex, "The body is nested too deeply");
}

/* every prefix of a good body, and every body with one byte changed, ends in an outcome */
static void survives_damage(void **state)
{
    static const char hex[] =
        "a5616101616282f93c0020616365737472696761c11a514b67b06164bf61657f6161ff"
        "ff6166fb3ff199999999999a";
    char bytes[128], damaged[128];
    struct slice good = unhex(hex, bytes);

    for (size_t n = 0; n <= good.size; n++) {
        const char *why = NULL;
        json_t *value = NULL;

        cbor_decode((struct slice){ bytes, n }, &value, &why);
        json_decref(value);
    }
    for (size_t at = 0; at < good.size; at++) {
        for (int to = 0; to < 256; to++) {
            const char *why = NULL;
            json_t *value = NULL;

            memcpy(damaged, bytes, good.size);
            damaged[at] = (char)to;
            cbor_decode((struct slice){ damaged, good.size }, &value, &why);
            json_decref(value);
        }
    }
}

static void assert_encodes(const char *json, const char *expected_hex)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    json_t *value = json_loads(json, 0, NULL);
    char hex[1024];

    assert_non_null(value);
    assert_int_equal(cbor_encode(&output, value, &out), 0);
    text_hex(buffer_data(&out), buffer_size(&out), hex);
    assert_string_equal(hex, expected_hex);
    json_decref(value);
}

static void encodes_by_the_shape(void **state)
{
    assert_encodes("{}", "a0");
    assert_encodes("{\"Name\": \"a\", \"Other\": 1, \"On\": true}", "a2644e616d656161624f6ef5");
    assert_encodes("{\"At\": 1767323045.5}", "a1624174c1fb41da55cd69600000");
    assert_encodes("{\"At\": 1767323045.123}", "a1624174c1fb41da55cd6947df3b");
    assert_encodes("{\"Value\": 1.5}", "a16556616c7565fb3ff8000000000000");
    assert_encodes("{\"Count\": -3}", "a165436f756e7422");
    assert_encodes("{\"Count\": 1000}", "a165436f756e741903e8");
    assert_encodes("{\"Names\": [\"a\", \"b\"], \"Numbers\": {\"p99\": 1}}",
                   "a2654e616d657382616161626"
                   "74e756d62657273a163703939fb3ff0000000000000");
}

static void encodes_errors(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    const char *why = NULL;
    json_t *value = NULL;

    assert_int_equal(cbor_encode_error("ns#Bad", "No.", &out), 0);
    assert_int_equal(
        cbor_decode((struct slice){ buffer_data(&out), buffer_size(&out) }, &value, &why), 0);
    assert_string_equal(json_string_value(json_object_get(value, "__type")), "ns#Bad");
    assert_string_equal(json_string_value(json_object_get(value, "message")), "No.");
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_examples_of_the_rfc),
        cmocka_unit_test(decodes_a_clients_put_metric_data),
        cmocka_unit_test(captured_put_metric_data_and_timestamps_read_as_they_were_meant),
        cmocka_unit_test(an_empty_body_is_an_empty_map),
        cmocka_unit_test(refuses_what_is_not_cbor),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(encodes_by_the_shape),
        cmocka_unit_test(encodes_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
