#include "metrics/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct metric_name names[] = {
    { "AWS/SageMaker", "ModelLatency", { { "EndpointName", "churn" }, { "VariantName", "A" } }, 2 },
    { "AWS/SageMaker", "Invocations", { { "EndpointName", "churn" }, { "VariantName", "B" } }, 2 },
    { "AWS/EC2", "CPUUtilization", { { "InstanceId", "i-1234567890123456" } }, 1 },
    { "AWS/EC2", "NetworkPacketsIn", { { "InstanceType", "t2.micro" } }, 1 },
    { "My Namespace", "Custom:Name[Special_Characters", { { "Dimension@Name", "x" } }, 1 },
    { "Shop", "CustomCount1", { { "Project", "ProjectA" } }, 1 },
    { "Shop", "Network-Errors-2", { { "0" } }, 0 },
    { "Shop", "Europe\\France Traffic(Network)", { { "0" } }, 0 },
};
enum { N_NAMES = sizeof(names) / sizeof(*names) };

/* which of the names above @text finds, as digits */
static void check_finds(const char *text, const char *expected)
{
    struct math_error error;
    struct search *s;
    char found[N_NAMES + 1];
    size_t n = 0;
    int r = search_parse(text, &s, &error);

    if (r)
        print_error("%s: %s at %zu\n", text, error.text, error.position);
    assert_int_equal(r, 0);
    for (size_t i = 0; i < N_NAMES; i++)
        if (search_matches(s, &names[i]))
            found[n++] = (char)('0' + i);
    found[n] = '\0';
    if (strcmp(found, expected) != 0)
        print_error("%s\n", text);
    assert_string_equal(found, expected);
    search_free(s);
}

static void tokens_are_cut_as_cloudwatch_cuts_them(void **state)
{
    static const struct {
        const char *term, *text;
        bool found;
    } cases[] = {
        /* the user guide's table of tokens */
        { "customcount1", "CustomCount1", true },
        { "custom", "CustomCount1", true },
        { "count", "CustomCount1", true },
        { "1", "CustomCount1", true },
        { "sdbfailure", "SDBFailure", true },
        { "sdb", "SDBFailure", true },
        { "failure", "SDBFailure", true },
        { "project2trial333", "Project2-trial333", true },
        { "2", "Project2-trial333", true },
        { "trial", "Project2-trial333", true },
        { "333", "Project2-trial333", true },
        { "33", "Project2-trial333", false },
        /* a single token in any case */
        { "Count", "CustomCount1", true },
        { "COUNT", "CustomCount1", true },
        { "couNT", "CustomCount1", false },
        { "ount", "CustomCount1", false },
        /* several */
        { "CustomCount", "CustomCount1", true },
        { "Count1", "CustomCount1", true },
        { "customcount", "CustomCount1", false },
        { "count1", "CustomCount1", false },
        { "Custom1", "CustomCount1", false },
        /* other characters part tokens, and do not count */
        { "network/errors", "Network-Errors-2", true },
        { "network+errors", "Network-Errors-2", true },
        { "network-errors", "NetworkErrors2", true },
        { "Network_Errors", "NetworkErrors2", true },
        { "errors-network", "Network-Errors-2", false },
        { "network", "", false },
        { "a", "-", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (search_partial(cases[i].term, cases[i].text) != cases[i].found)
            print_error("%s in %s\n", cases[i].term, cases[i].text);
        assert_true(search_partial(cases[i].term, cases[i].text) == cases[i].found);
    }
}

static void braces_ask_for_namespace_and_dimensions(void **state)
{
    (void)state;
    check_finds("{AWS/SageMaker}", "01");
    check_finds("{AWS/SageMaker,EndpointName,VariantName}", "01");
    check_finds(" { AWS/SageMaker , VariantName , EndpointName } ", "01");
    check_finds("{AWS/SageMaker,EndpointName}", "");
    check_finds("{AWS/EC2, InstanceId} MetricName=\"CPUUtilization\"", "2");
    check_finds("{aws/ec2}", "");
    check_finds("{\"My Namespace\", \"Dimension@Name\"}, \"Custom:Name[Special_Characters\" ", "4");
}

static void quotes_ask_for_the_whole_text(void **state)
{
    (void)state;
    check_finds("{Shop}, \"CustomCount1\"", "5");
    check_finds("{Shop}, \"customcount1\"", "");
    check_finds("{Shop}, \"Custom\"", "");
    check_finds("\"Network-Errors-2\"", "6");
    check_finds("\"Network_Errors_2\"", "");
    check_finds("\"Europe\\\\France Traffic\\(Network\\)\"", "7");
    check_finds("\"AWS/EC2\" MetricName=\"CPUUtilization\"", "2");
    check_finds("\"EndpointName\"", "01");
}

static void properties_say_where_to_look(void **state)
{
    (void)state;
    check_finds("MetricName=\"CustomCount1\"", "5");
    check_finds("InstanceType=micro", "3");
    check_finds("InstanceType=\"t2.micro\" Namespace=\"AWS/EC2\"", "3");
    check_finds("MetricName = count", "5");
    check_finds("Project=ProjectA", "5");
    check_finds("MetricName=churn", "");
    check_finds("VariantName=(\"A\" OR \"B\") MetricName=(NOT latency)", "1");
    check_finds("\"Dimension@Name\"=x", "4");
}

static void operators_join_terms(void **state)
{
    (void)state;
    check_finds("network packets", "3");
    check_finds("network AND packets", "3");
    check_finds("network and packets", "");
    check_finds("latency OR cpu", "02");
    check_finds("MetricName=\"CPUUtilization\" NOT i-1234567890123456", "");
    check_finds("NOT Namespace=AWS", "4567");
    check_finds("{Shop} NOT \"ProjectA\" NOT errors", "7");
    check_finds("(EC2 OR Shop) network", "367");
    check_finds("network OR cpu NOT packets", "2367");
    check_finds(
        "{AWS/SageMaker} MetricName=\"ModelLatency\" OR (MetricName=\"Invocations\" AND (B OR C))",
        "01");
    check_finds("NOT NOT latency", "0");
    check_finds("ORder OR \"OR\"", "");
}

static void what_is_no_search_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text;
        size_t position;
    } cases[] = {
        { "", 1 },          { "  ", 3 },
        { "{", 2 },         { "{}", 2 },
        { "{a", 3 },        { "{a b}", 4 },
        { "{a,}", 4 },      { "\"a", 3 },
        { "\"\"", 3 },      { "(a", 3 },
        { "a)", 2 },        { "a OR", 5 },
        { "a b =", 6 },     { "AND a", 1 },
        { "a OR OR b", 6 }, { "NOT AND", 5 },
        { "NOT", 4 },       { "a=", 3 },
        { "=a", 1 },        { "a={b}", 3 },
        { "a=(b=c)", 6 },   { ":aws.AccountId = 1", 16 },
        { "a=b=c", 4 },     { "-/-", 4 },
        { "a \"\\", 5 },    { "()", 2 },
        { "a=-", 4 },
    };
    char deep[SEARCH_TEXT_MAX + 2];
    struct math_error error;
    struct search *s;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int r = search_parse(cases[i].text, &s, &error);

        if (r != MATH_E_REFUSED || error.position != cases[i].position)
            print_error("%s: %d %s at %zu\n", cases[i].text, r, error.text, error.position);
        assert_int_equal(r, MATH_E_REFUSED);
        assert_int_equal(error.position, cases[i].position);
    }
    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(search_parse(deep, &s, &error), MATH_E_REFUSED);
    assert_int_equal(error.position, SEARCH_TEXT_MAX + 1);
    deep[SEARCH_TEXT_MAX] = '\0';
    assert_int_equal(search_parse(deep, &s, &error), MATH_E_REFUSED);
    assert_int_equal(error.position, SEARCH_DEPTH_MAX + 1);
}

static void the_shortest_terms_have_room(void **state)
{
    char text[SEARCH_TEXT_MAX + 1];
    struct math_error error;
    struct search *s;

    (void)state;
    for (size_t i = 0; i < SEARCH_TEXT_MAX; i++)
        text[i] = i % 2 ? ' ' : 'a';
    text[SEARCH_TEXT_MAX] = '\0';
    assert_int_equal(search_parse(text, &s, &error), 0);
    assert_int_equal(search_terms(s), SEARCH_TEXT_MAX / 2);
    search_free(s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_cut_as_cloudwatch_cuts_them),
        cmocka_unit_test(braces_ask_for_namespace_and_dimensions),
        cmocka_unit_test(quotes_ask_for_the_whole_text),
        cmocka_unit_test(properties_say_where_to_look),
        cmocka_unit_test(operators_join_terms),
        cmocka_unit_test(what_is_no_search_is_refused_with_its_place),
        cmocka_unit_test(the_shortest_terms_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
