#include "control/time_zones.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"

enum { NAME_CHARS_MAX = 64 };

static const char folder[] = "/usr/share/zoneinfo/";

struct known_zone {
    struct list_link link;
    char *name;
    struct time_zone *zone;
};

static struct known_zone *known_zone_free(struct known_zone *k)
{
    if (!k)
        return NULL;
    list_remove(&k->link);
    time_zone_free(k->zone);
    free(k->name);
    free(k);
    return NULL;
}
DEFINE_AUTOFREE(struct known_zone *, known_zone_free)

void time_zones_init(struct time_zones *zones)
{
    list_init(&zones->read);
}

void time_zones_deinit(struct time_zones *zones)
{
    list_for_each_safe (k, &zones->read, struct known_zone, link)
        known_zone_free(k);
}

/* Names come from clients: nothing but letters and what joins them, so that none leaves the folder.
 * They begin with a capital, which the folder's other files ("posix", "right", "tzdata.zi") do not. */
static bool is_name(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= NAME_CHARS_MAX && name[0] >= 'A' && name[0] <= 'Z' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == n;
}

static int read_all(int fd, uint8_t *bytes, size_t size, size_t *ret_n)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret_n = n;
    return 0;
}

static int read_zone(const char *name, struct time_zone **ret)
{
    autofree(mem_free) char *path = text_format("%s%s", folder, name);
    autofree(mem_free) uint8_t *bytes = malloc(TIME_ZONE_BYTES_MAX);
    autofree(fd_close) int fd = -1;
    struct stat st;
    size_t n = 0; /* set by read_all(), which the optimizer does not see */
    int r;

    if (!path || !bytes)
        return fault(-ENOMEM);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? TIME_ZONES_E_UNKNOWN : fault(-errno);
    if (fstat(fd, &st) != 0)
        return fault(-errno);
    if (!S_ISREG(st.st_mode))
        return TIME_ZONES_E_UNKNOWN;
    r = read_all(fd, bytes, TIME_ZONE_BYTES_MAX, &n);
    if (r)
        return fault(r);
    r = time_zone_parse(bytes, n, ret);
    return r == -EINVAL ? TIME_ZONES_E_UNKNOWN : fault(r);
}

int time_zones_get(struct time_zones *zones, const char *name, const struct time_zone **ret)
{
    autofree(known_zone_free) struct known_zone *k = NULL;
    int r;

    if (!name) {
        *ret = NULL;
        return 0;
    }
    if (!is_name(name))
        return TIME_ZONES_E_UNKNOWN;
    list_for_each (known, &zones->read, struct known_zone, link)
        if (strcmp(known->name, name) == 0) {
            *ret = known->zone;
            return 0;
        }
    k = calloc(1, sizeof(*k));
    if (!k)
        return fault(-ENOMEM);
    list_link_init(&k->link);
    k->name = strdup(name);
    if (!k->name)
        return fault(-ENOMEM);
    r = read_zone(name, &k->zone);
    if (r)
        return r;
    *ret = k->zone;
    list_push_back(&zones->read, &k->link);
    steal(k);
    return 0;
}
