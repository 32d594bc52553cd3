#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/config.h"
#include "fleet/instance_type.h"

/* Loads a file with this text. */
static int load(const char *text, struct fleet_config **ret_config, char **ret_why)
{
    char path[] = "/tmp/weir-test-config-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    r = fleet_config_load(path, ret_config, ret_why);
    unlink(path);
    return r;
}

static void knows_awss_types_and_prices(void **state)
{
    const struct instance_type *t = instance_type_find("ml.c5.xlarge");
    size_t n;

    (void)state;
    assert_non_null(t);
    assert_true(t->vcpus == 4 && t->memory_gib == 8 && t->usd_per_hour == 0.204);
    assert_null(instance_type_find("ml.c5"));
    assert_null(instance_type_find(""));
    assert_non_null(instance_types(&n));
    assert_int_equal(n, 26);
}

static void an_empty_configuration_names_no_image(void **state)
{
    struct fleet_config *c;
    char *why;

    (void)state;
    assert_int_equal(fleet_config_load(NULL, &c, &why), 0);
    assert_null(fleet_config_image(c, "a"));
    fleet_config_free(c);
    assert_null(fleet_config_image(NULL, "a"));
}

static void reads_images_and_types(void **state)
{
    static const char text[] = "{\"images\": {\"my/model:1\": \"/opt/server --fast\"},"
                               "\"instance_types\": {\"ml.m5.large\": {\"usd_per_hour\": 0.5},"
                               "\"local.small\": {\"vcpus\": 0.5, \"memory_gib\": 1}}}";
    const struct instance_type *t;
    struct fleet_config *c;
    size_t before, after;
    char *why;

    (void)state;
    instance_types(&before);
    assert_int_equal(load(text, &c, &why), 0);
    assert_string_equal(fleet_config_image(c, "my/model:1"), "/opt/server --fast");
    assert_null(fleet_config_image(c, "my/model:2"));
    fleet_config_free(c);

    t = instance_type_find("ml.m5.large");
    assert_true(t->vcpus == 2 && t->usd_per_hour == 0.5);
    t = instance_type_find("local.small");
    assert_true(t->vcpus == 0.5 && t->memory_gib == 1 && t->gpus == 0 && t->usd_per_hour == 0);
    instance_types(&after);
    assert_int_equal(after, before + 1);
}

static void says_what_is_wrong_and_changes_nothing(void **state)
{
    static const struct {
        const char *text, *needle;
    } cases[] = {
        { "", "line 1" },
        { "{\"images\": }", "line 1" },
        { "[]", "must be a JSON object" },
        { "{\"imagse\": {}}", "no member \"imagse\"" },
        { "{\"images\": []}", "\"images\" must be an object" },
        { "{\"images\": {\"a\": 1}}", "image \"a\" must be a command line" },
        { "{\"images\": {\"a\": \" \"}}", "empty command line" },
        { "{\"images\": {\"a\": \"x 'y\"}}", "not closed" },
        { "{\"instance_types\": 1}", "must be an object of objects" },
        { "{\"instance_types\": {\"x\": 1}}", "\"x\" must be an object" },
        { "{\"instance_types\": {\"x\": {\"cpu\": 1}}}", "no member \"cpu\"" },
        { "{\"instance_types\": {\"x\": {\"vcpus\": \"1\"}}}", "must be a number" },
        { "{\"instance_types\": {\"x\": {\"vcpus\": -1}}}", "must be a number" },
        { "{\"instance_types\": {\"x\": {\"vcpus\": 1}}}", "needs \"vcpus\" and \"memory_gib\"" },
        { "{\"instance_types\": {\"ml.c5.large\": {\"vcpus\": 7}, \"x\": {}}}", "needs" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fleet_config *c = NULL;
        char *why = NULL;

        assert_int_equal(load(cases[i].text, &c, &why), -EINVAL);
        assert_null(c);
        if (!strstr(why, cases[i].needle))
            fail_msg("expected '%s' in: %s", cases[i].needle, why);
        free(why);
    }
    assert_true(instance_type_find("ml.c5.large")->vcpus == 2);
    assert_null(instance_type_find("x"));
}

static void says_when_the_file_cannot_be_read(void **state)
{
    struct fleet_config *c;
    char *why;

    (void)state;
    assert_int_equal(fleet_config_load("/nonexistent/config", &c, &why), -ENOENT);
    assert_non_null(strstr(why, "No such file"));
    free(why);
    assert_int_equal(fleet_config_load("/tmp", &c, &why), -EINVAL);
    assert_non_null(strstr(why, "not a regular file"));
    free(why);
}

static void the_table_of_types_has_an_end(void **state)
{
    char name[32];
    int r = 0, n = 0;

    (void)state;
    for (; r == 0 && n < 1000; n++) {
        snprintf(name, sizeof(name), "t%d", n);
        r = instance_type_define(&(struct instance_type){ .name = name, .vcpus = 1 });
    }
    assert_int_equal(r, -ENOSPC);
    assert_null(instance_type_find("not there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_awss_types_and_prices),
        cmocka_unit_test(an_empty_configuration_names_no_image),
        cmocka_unit_test(reads_images_and_types),
        cmocka_unit_test(says_what_is_wrong_and_changes_nothing),
        cmocka_unit_test(says_when_the_file_cannot_be_read),
        cmocka_unit_test(the_table_of_types_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
