#include <string.h>
#include <strings.h>

#include "internal.h"

/* The time depends on the length of what was sent, not on the key. */
static bool same(const char *key, const char *given) {
    size_t len = strlen(key), other = strlen(given);
    volatile unsigned char difference = len != other;
    for (size_t i = 0; i < other; i++)
        difference |= (unsigned char)(given[i] ^ (len ? key[i % len] : 0));
    return difference == 0;
}

bool enc_httpd_key_fits(const char *key, struct MHD_Connection *connection) {
    static const char bearer[] = "Bearer ";
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-API-Key");
    if (given)
        return same(key, given);
    given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    if (!given || strncasecmp(given, bearer, sizeof bearer - 1) != 0)
        return false;
    given += sizeof bearer - 1;
    return same(key, given + strspn(given, " "));
}
