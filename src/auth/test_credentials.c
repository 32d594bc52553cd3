#include "auth/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void generated_keys_have_their_form(void **state)
{
    struct credentials a, b;

    credentials_generate(&a);
    credentials_generate(&b);
    assert_int_equal(strlen(a.access_key_id), 20);
    assert_memory_equal(a.access_key_id, "AKIA", 4);
    assert_int_equal(strspn(a.access_key_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 20);
    assert_int_equal(strlen(a.secret_access_key), 40);
    assert_string_not_equal(a.access_key_id, b.access_key_id);
    assert_string_not_equal(a.secret_access_key, b.secret_access_key);
}

static void reads_the_default_section(void **state)
{
    struct credentials c;

    assert_int_equal(credentials_parse(SLICE("# mine\n[other]\naws_access_key_id=X\n\n"
                                             "[default]\r\n aws_access_key_id = AKIA1 \r\n"
                                             "; more\naws_secret_access_key=a/b+c=\nregion=r\n"
                                             "[third]\naws_access_key_id=Y"),
                                       &c),
                     0);
    assert_string_equal(c.access_key_id, "AKIA1");
    assert_string_equal(c.secret_access_key, "a/b+c=");
}

static void refuses_other_texts(void **state)
{
    const char *const cases[] = {
        "",
        "[default]",
        "aws_access_key_id=a\naws_secret_access_key=b\n",
        "[default]\naws_access_key_id=a\n",
        "[default]\naws_secret_access_key=b\n",
        "[default]\naws_access_key_id=\naws_secret_access_key=b\n",
        "[default]\naws_access_key_id=a b\naws_secret_access_key=b\n",
        "[default]\naws_access_key_id=a\naws_secret_access_key=$(b)\n",
        "[default]\naws_access_key_id\naws_secret_access_key=b\n",
        "[other]\naws_access_key_id=a\naws_secret_access_key=b\n",
    };
    struct credentials c;
    char text[300];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(credentials_parse(slice_from(cases[i]), &c), CREDENTIALS_E_MALFORMED);
    snprintf(text, sizeof(text), "[default]\naws_access_key_id=a\naws_secret_access_key=%0129d\n",
             0);
    assert_int_equal(credentials_parse(slice_from(text), &c), CREDENTIALS_E_MALFORMED);
}

static void written_files_are_read_back_and_kept(void **state)
{
    char folder[] = "/tmp/weir-credentials-XXXXXX", path[64], draft[64];
    struct credentials a, b, back;
    struct stat st;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/credentials", folder);
    snprintf(draft, sizeof(draft), "%s/credentials.new", folder);
    credentials_generate(&a);
    credentials_generate(&b);

    assert_int_equal(credentials_read(path, &back), -ENOENT);
    assert_int_equal(credentials_write(path, &a), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(draft, F_OK), -1);
    assert_int_equal(credentials_write(path, &b), CREDENTIALS_E_EXISTS);
    assert_int_equal(credentials_read(path, &back), 0);
    assert_string_equal(back.access_key_id, a.access_key_id);
    assert_string_equal(back.secret_access_key, a.secret_access_key);

    unlink(path);
    rmdir(folder);
    assert_int_equal(credentials_write(path, &a), -ENOENT);
}

static void oversized_files_are_refused(void **state)
{
    char path[] = "/tmp/weir-credentials-XXXXXX";
    autofree(fd_close) int fd = mkstemp(path);
    struct credentials c;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(credentials_read(path, &c), CREDENTIALS_E_MALFORMED);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_keys_have_their_form),
        cmocka_unit_test(reads_the_default_section),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(written_files_are_read_back_and_kept),
        cmocka_unit_test(oversized_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
