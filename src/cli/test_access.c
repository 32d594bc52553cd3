#include "cli/access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test_access_XXXXXX";

static void put_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (!text) {
        unlink(path);
        return;
    }
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("AWS_ENDPOINT_URL");
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("WEIR_STATE");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    put_file("server.json", NULL);
    put_file("credentials", NULL);
    return rmdir(dir);
}

static void put_good_files(void)
{
    put_file("server.json",
             "{\"url\":\"http://127.0.0.1:1/\",\"region\":\"eu-north-1\",\"pid\":1}");
    put_file("credentials", "[default]\naws_access_key_id = AK\naws_secret_access_key=SE/CR+ET=\n");
}

static void expect_good(const char *state)
{
    autofree(access_free) struct access *a = NULL;
    char why[ACCESS_WHY_BYTES];

    assert_int_equal(access_find(state, &a, why), 0);
    assert_string_equal(a->url, "http://127.0.0.1:1");
    assert_string_equal(a->region, "eu-north-1");
    assert_string_equal(a->access_key_id, "AK");
    assert_string_equal(a->secret_access_key, "SE/CR+ET=");
    assert_null(a->session_token);
}

static void a_state_directory_tells_all(void **state)
{
    (void)state;
    put_good_files();
    expect_good(dir);
    setenv("WEIR_STATE", dir, 1);
    expect_good(NULL);
    unsetenv("WEIR_STATE");
}

static void the_environment_is_used_when_no_directory_is_named(void **state)
{
    autofree(access_free) struct access *a = NULL;
    char why[ACCESS_WHY_BYTES];

    (void)state;
    put_good_files();
    setenv("AWS_ENDPOINT_URL", "http://other:2", 1);
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "F", 1);
    setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
    expect_good(dir);
    assert_int_equal(access_find(NULL, &a, why), 0);
    assert_string_equal(a->url, "http://other:2");
    assert_string_equal(a->region, "us-west-2");
    assert_string_equal(a->secret_access_key, "F");
    a = access_free(a);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    assert_int_equal(access_find(NULL, &a, why), -EINVAL);
    assert_non_null(strstr(why, "AWS_SECRET_ACCESS_KEY"));
    unsetenv("AWS_ENDPOINT_URL");
}

static void what_is_missing_is_named(void **state)
{
    autofree(access_free) struct access *a = NULL;
    char why[ACCESS_WHY_BYTES];

    (void)state;
    put_file("server.json", NULL);
    assert_int_equal(access_find(dir, &a, why), -ENOENT);
    assert_non_null(strstr(why, "server.json"));
    put_file("server.json", "{");
    assert_int_equal(access_find(dir, &a, why), -EINVAL);
    assert_non_null(strstr(why, "damaged"));
    put_file("server.json", "{}");
    assert_int_equal(access_find(dir, &a, why), -EINVAL);
    put_good_files();
    put_file("credentials", "[default]\naws_access_key_id=AK\n");
    assert_int_equal(access_find(dir, &a, why), -EINVAL);
    assert_non_null(strstr(why, "credentials"));
    put_file("credentials", NULL);
    assert_int_equal(access_find(dir, &a, why), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_directory_tells_all),
        cmocka_unit_test(the_environment_is_used_when_no_directory_is_named),
        cmocka_unit_test(what_is_missing_is_named),
    };

    return cmocka_run_group_tests_name("cli/access", tests, set_up, tear_down);
}
