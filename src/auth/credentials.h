/* auth/credentials.h: the server's access key and the file that keeps it.
 *
 * The file has the form that AWS clients read (AWS_SHARED_CREDENTIALS_FILE):
 *
 *     [default]
 *     aws_access_key_id = AKIA...
 *     aws_secret_access_key = ...
 */
#pragma once
#include "base/text.h"

enum {
    CREDENTIALS_E_MALFORMED = 1, /* no [default] section with both keys, or keys of strange bytes */
    CREDENTIALS_E_EXISTS,        /* there is a file already */
};

enum { ACCESS_KEY_ID_BYTES = 129, SECRET_ACCESS_KEY_BYTES = 129 }; /* with the NUL */

struct credentials {
    char access_key_id[ACCESS_KEY_ID_BYTES];
    char secret_access_key[SECRET_ACCESS_KEY_BYTES];
};

/** credentials_generate() - a new random key: "AKIA" and 16 of A-Z2-7; a secret of 40 characters */
void credentials_generate(struct credentials *ret);

/** credentials_parse() - the text of a file. Return: 0 or CREDENTIALS_E_MALFORMED. */
int credentials_parse(struct slice text, struct credentials *ret);

/** credentials_read() - Return: 0, CREDENTIALS_E_MALFORMED, or a negative errno (-ENOENT ...). */
int credentials_read(const char *path, struct credentials *ret);

/** credentials_write() - a new file, mode 0600, on disk when this returns; nothing is overwritten
 * and nothing half-written stays. Return: 0, CREDENTIALS_E_EXISTS or a negative errno. */
int credentials_write(const char *path, const struct credentials *credentials);
