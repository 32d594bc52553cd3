/* net/address.h: where to listen and where to connect.
 *
 * Text forms: "HOST:PORT", "[V6]:PORT", ":PORT" (every interface, IPv4), "[::]:PORT" (IPv4 too),
 * "unix:/path". Hosts are numeric or "localhost" (127.0.0.1): nothing here asks a name server.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    };
};

enum { ADDRESS_TEXT_BYTES = 128 };

/** address_parse() - Return: 0 or -EINVAL (unix paths over 107 bytes too). */
int address_parse(const char *text, struct address *ret);
/** address_text() - the same form back */
void address_text(const struct address *a, char ret_text[ADDRESS_TEXT_BYTES]);
unsigned address_port(const struct address *a);    /* 0: a Unix path */
bool address_is_loopback(const struct address *a); /* a Unix path counts as loopback */

/** address_listen() - a bound, listening, non-blocking, close-on-exec socket.
 * @reuse_port: several sockets share the port, one per thread; a unix path is replaced if nobody
 * answers on it, and is for our own user only. Return: 0 or a negative errno (-EADDRINUSE ...). */
int address_listen(const struct address *a, bool reuse_port, int *ret_fd);
/** address_of() - what @fd is bound to, for port 0 */
int address_of(int fd, struct address *ret);
/** address_connect() - start a non-blocking connect. Return: 0 connected or under way, or -errno.
 */
int address_connect(const struct address *a, int *ret_fd);
