/* JSON, Query, XML and gzip: what clients send, and what they read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "api/gzip.h"
#include "api/json.h"
#include "api/number.h"
#include "api/query.h"
#include "api/xml.h"

static const struct shape names = LIST("Names", &shape_string);
static const struct shape values = LIST("Values", &shape_double);
static const struct shape numbers = MAP("Numbers", &shape_string, &shape_double);
static const struct shape datum =
    STRUCTURE("Datum", REQUIRED("Name", &shape_string), OPTIONAL("Value", &shape_double),
              OPTIONAL("At", &shape_timestamp), OPTIONAL("Values", &values));
static const struct shape data = LIST("Data", &datum);
static const struct shape thing = STRUCTURE(
    "Thing", OPTIONAL("Name", &shape_string), OPTIONAL("Count", &shape_integer),
    OPTIONAL("On", &shape_boolean), OPTIONAL("At", &shape_timestamp), OPTIONAL("Names", &names),
    OPTIONAL("Numbers", &numbers), OPTIONAL("Data", &data), OPTIONAL("Inner", &datum));

static const struct operation operation = { "GetThing", &thing, &thing, NULL };
static const struct operation quiet = { "PutThing", &thing, NULL, NULL };
static const struct service service = { .name = "Things", .xml_namespace = "http://things/" };

/* --- JSON ------------------------------------------------------------------------------------- */

static void assert_not_json(struct slice body)
{
    json_t *value = NULL;
    char *why = NULL;

    assert_int_equal(json_decode(body, &value, &why), JSON_E_MALFORMED);
    assert_non_null(strstr(why, "The body is not valid JSON: "));
    free(why);
}

static void json_is_read_strictly(void **state)
{
    json_t *value = NULL;
    char *why = NULL;

    assert_int_equal(json_decode(SLICE(""), &value, &why), 0);
    assert_int_equal(json_object_size(value), 0);
    json_decref(value);
    assert_int_equal(json_decode(SLICE("{\"a\": 7E1}"), &value, &why), 0);
    json_decref(value);
    assert_not_json(SLICE("{"));
    assert_not_json(SLICE("{\"a\": 1, \"a\": 2}"));
    assert_not_json(SLICE("{\"a\": NaN}"));
    assert_not_json(SLICE("{} {}"));
    assert_not_json(SLICE("{\"a\": \"\\u0000\"}"));
    assert_not_json(SLICE("{\"a\": \"\xff\"}"));
}

static void json_is_written_by_the_shape(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    json_t *value =
        json_pack("{s:s, s:i, s:f, s:f, s:b, s:[ss], s:{s:f}, s:n, s:{s:s}}", "Name", "a\"b\n\\",
                  "Unknown", 1, "At", 1462575838.171, "Count", 3.0, "On", 1, "Names", "x", "\u00e9",
                  "Numbers", "p99", 3000.0, "Data", "Inner", "Name", "");

    assert_int_equal(json_encode(&thing, value, &out), 0);
    assert_string_equal(buffer_cstr(&out),
                        "{\"Name\":\"a\\\"b\\u000a\\\\\",\"Count\":3,\"On\":true,"
                        "\"At\":1462575838.171,\"Names\":[\"x\",\"\u00e9\"],"
                        "\"Numbers\":{\"p99\":3000.0},\"Inner\":{\"Name\":\"\"}}");
    json_decref(value);
}

static void numbers_read_back_the_same(void **state)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 70, "70" },
        { -0.5, "-0.5" },
        { 0.1, "0.1" },
        { 1e300, "1e+300" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1.0 / 3, "0.3333333333333333" },
    };
    char text[NUMBER_BYTES];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        number_text(cases[i].number, text);
        assert_string_equal(text, cases[i].text);
    }
    number_seconds(1700000000, text);
    assert_string_equal(text, "1700000000");
    number_seconds(1700000000.1239, text);
    assert_string_equal(text, "1700000000.124");
    number_seconds(0, text);
    assert_string_equal(text, "0");
}

/* --- Query ------------------------------------------------------------------------------------ */

static void assert_query(const char *form, const char *expected)
{
    json_t *value = NULL;
    char *why = NULL;
    char *text;

    assert_int_equal(query_decode(slice_from(form), &thing, &value, &why), 0);
    text = json_dumps(value, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void assert_query_malformed(const char *form, const char *expected)
{
    json_t *value = NULL;
    char *why = NULL;

    assert_int_equal(query_decode(slice_from(form), &thing, &value, &why), QUERY_E_MALFORMED);
    assert_string_equal(why, expected);
    free(why);
}

static void query_parameters_become_a_structure(void **state)
{
    assert_query("Action=A&Version=1&Name=a%20b+c%26", "{\"Name\":\"a b c&\"}");
    assert_query("Count=5&On=false&At=2026-01-02T03%3A04%3A05Z",
                 "{\"Count\":5,\"On\":false,\"At\":1767323045.0}");
    assert_query("At=1767323045.5", "{\"At\":1767323045.5}");
    assert_query("Inner.Name=n&Inner.Value=1.5", "{\"Inner\":{\"Name\":\"n\",\"Value\":1.5}}");
    assert_query("Data.member.1.Name=a&Data.member.1.Values.member.1=2",
                 "{\"Data\":[{\"Name\":\"a\",\"Values\":[2.0]}]}");
    assert_query("Names=", "{\"Names\":[]}");
    assert_query("", "{}");
}

static void query_lists_come_in_any_order(void **state)
{
    assert_query("Names.member.10=j&Names.member.1=a&Names.member.2=b",
                 "{\"Names\":[\"a\",\"b\",\"j\"]}");
}

static void query_maps_have_entries(void **state)
{
    assert_query("Numbers.entry.2.key=p50&Numbers.entry.2.value=2&Numbers.entry.1.value=1.5&"
                 "Numbers.entry.1.key=p99",
                 "{\"Numbers\":{\"p50\":2.0,\"p99\":1.5}}");
    assert_query_malformed("Numbers=a", "A map's entries are called .entry.N: 'Numbers'");
    assert_query_malformed("Numbers.p50=1", "A map's entries are called .entry.N: 'Numbers'");
    assert_query_malformed("Numbers.entry.1.key=a",
                           "A map's entries need a key of their own and a value: 'Numbers'");
    assert_query_malformed("Numbers.entry.1.key=a&Numbers.entry.1.value=1&"
                           "Numbers.entry.2.key=a&Numbers.entry.2.value=1",
                           "A map's entries need a key of their own and a value: 'Numbers'");
    assert_query_malformed("Numbers.entry.1.key=a&Numbers.entry.1.value.b=1",
                           "A plain value is needed: 'Double'");
}

static void query_scalars_of_the_wrong_type_stay_strings(void **state)
{
    assert_query("Count=x&On=yes&At=then", "{\"Count\":\"x\",\"On\":\"yes\",\"At\":\"then\"}");
    assert_query("Data.member.1.Value=NaN", "{\"Data\":[{\"Value\":\"NaN\"}]}");
}

static void query_refuses_what_fits_no_structure(void **state)
{
    char deep[1000] = "a";

    assert_query_malformed("Name=a&Name=b", "This parameter is there twice: 'Name'");
    assert_query_malformed("Inner=a&Inner.Name=b",
                           "This parameter does not fit with the others: 'Inner.Name'");
    assert_query_malformed("Names.1=a", "A list's items are called .member.N: 'Names'");
    assert_query_malformed("Names=a", "A list is needed: 'Names'");
    assert_query_malformed("Names.member.x=a", "A list's items need numbers: 'x'");
    assert_query_malformed("Inner=a", "A structure is needed: 'Datum'");
    assert_query_malformed("Name.x=a", "A plain value is needed: 'String'");
    assert_query_malformed("Name=%zz", "A parameter is not properly encoded: ''");
    assert_query_malformed("Name=%00", "A parameter is not properly encoded: ''");
    for (int i = 0; i < 100; i++)
        strcat(deep, ".a");
    strcat(deep, "=1");
    json_t *value = NULL;
    char *why = NULL;
    assert_int_equal(query_decode(slice_from(deep), &thing, &value, &why), QUERY_E_MALFORMED);
    free(why);
}

static void query_parameters_are_found_by_name(void **state)
{
    char *value = query_parameter(SLICE("Version=1&Action=Get%54hing"), "Action");

    assert_string_equal(value, "GetThing");
    free(value);
    assert_null(query_parameter(SLICE("Version=1"), "Action"));
}

/* --- XML -------------------------------------------------------------------------------------- */

static void xml_is_written_by_the_shape(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    json_t *value = json_pack("{s:s, s:i, s:b, s:f, s:[ss], s:{s:f}, s:[{s:s}]}", "Name",
                              "<a & b>\x01", "Count", 3, "On", 0, "At", 1767323045.123, "Names",
                              "x", "y", "Numbers", "p99", 1.5, "Data", "Name", "n");

    assert_int_equal(xml_write_output(&service, &operation, value, "id-1", &out), 0);
    assert_string_equal(
        buffer_cstr(&out),
        "<GetThingResponse xmlns=\"http://things/\"><GetThingResult><Name>&lt;a &amp; b&gt;?</Name>"
        "<Count>3</Count><On>false</On><At>2026-01-02T03:04:05.123Z</At><Names><member>x</member>"
        "<member>y</member></Names><Numbers><entry><key>p99</key><value>1.5</value></entry>"
        "</Numbers><Data><member><Name>n</Name></member></Data></GetThingResult>"
        "<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetThingResponse>\n");
    json_decref(value);
}

static void xml_has_a_result_only_where_the_operation_has_output(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    json_t *nothing = json_object();

    assert_int_equal(xml_write_output(&service, &quiet, NULL, "id-1", &out), 0);
    assert_string_equal(buffer_cstr(&out),
                        "<PutThingResponse xmlns=\"http://things/\"><ResponseMetadata><RequestId>"
                        "id-1</RequestId></ResponseMetadata></PutThingResponse>\n");
    buffer_clear(&out);
    assert_int_equal(xml_write_output(&service, &operation, nothing, "id-1", &out), 0);
    assert_non_null(strstr(buffer_cstr(&out), "<GetThingResult/>"));
    json_decref(nothing);
}

static void xml_errors_say_whose_fault_it_is(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);

    assert_int_equal(xml_write_error("http://things/", "Bad", true, "No <b>.", "id", &out), 0);
    assert_string_equal(
        buffer_cstr(&out),
        "<ErrorResponse xmlns=\"http://things/\"><Error><Type>Sender</Type><Code>Bad"
        "</Code><Message>No &lt;b&gt;.</Message></Error><RequestId>id</RequestId>"
        "</ErrorResponse>\n");
    buffer_clear(&out);
    assert_int_equal(xml_write_error(NULL, "Bad", false, "", "id", &out), 0);
    assert_non_null(strstr(buffer_cstr(&out), "<Type>Receiver</Type>"));
}

/* --- gzip ------------------------------------------------------------------------------------- */

/* @text as a gzip member in @ret. Return: its size. */
static size_t compress_text(const char *text, size_t n, char *ret, size_t room)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)text,
                   .avail_in = (uInt)n,
                   .next_out = (Bytef *)ret,
                   .avail_out = (uInt)room };

    assert_int_equal(
        deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void gzip_bodies_are_inflated_within_bounds(void **state)
{
    static char zeros[1 << 20];
    autobuffer struct buffer out = BUFFER_INIT(1 << 16);
    char packed[8192];
    size_t n = compress_text("hello", 5, packed, sizeof(packed));

    assert_int_equal(gzip_decode((struct slice){ packed, n }, &out), 0);
    assert_string_equal(buffer_cstr(&out), "hello");
    buffer_clear(&out);
    assert_int_equal(gzip_decode((struct slice){ packed, n - 1 }, &out), GZIP_E_MALFORMED);
    packed[n] = 'x';
    buffer_clear(&out);
    assert_int_equal(gzip_decode((struct slice){ packed, n + 1 }, &out), GZIP_E_MALFORMED);
    buffer_clear(&out);
    assert_int_equal(gzip_decode(SLICE("plain"), &out), GZIP_E_MALFORMED);
    buffer_clear(&out);
    n = compress_text(zeros, sizeof(zeros), packed, sizeof(packed));
    assert_int_equal(gzip_decode((struct slice){ packed, n }, &out), GZIP_E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_strictly),
        cmocka_unit_test(json_is_written_by_the_shape),
        cmocka_unit_test(numbers_read_back_the_same),
        cmocka_unit_test(query_parameters_become_a_structure),
        cmocka_unit_test(query_lists_come_in_any_order),
        cmocka_unit_test(query_maps_have_entries),
        cmocka_unit_test(query_scalars_of_the_wrong_type_stay_strings),
        cmocka_unit_test(query_refuses_what_fits_no_structure),
        cmocka_unit_test(query_parameters_are_found_by_name),
        cmocka_unit_test(xml_is_written_by_the_shape),
        cmocka_unit_test(xml_has_a_result_only_where_the_operation_has_output),
        cmocka_unit_test(xml_errors_say_whose_fault_it_is),
        cmocka_unit_test(gzip_bodies_are_inflated_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
