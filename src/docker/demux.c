#include <string.h>

#include "docker.h"

int enc_demux_feed(struct enc_demux *demux,
                   const char *bytes,
                   size_t len,
                   bool (*on_output)(void *data, int stream, const char *bytes, size_t len),
                   void *data) {
    while (len) {
        if (demux->left) {
            size_t part = demux->left < len ? demux->left : len;
            demux->left -= part;
            int stream = demux->header[0] == 2 ? 2 : 1;
            if (!on_output(data, stream, bytes, part))
                return 1;
            bytes += part;
            len -= part;
            continue;
        }
        size_t part = sizeof demux->header - demux->have;
        if (part > len)
            part = len;
        memcpy(demux->header + demux->have, bytes, part);
        demux->have += (unsigned)part;
        bytes += part;
        len -= part;
        if (demux->have < sizeof demux->header)
            break;
        const unsigned char *head = demux->header;
        if (head[0] > 2 || head[1] || head[2] || head[3])
            return -1;
        demux->have = 0;
        demux->left = (unsigned long)head[4] << 24 | (unsigned long)head[5] << 16 |
                      (unsigned long)head[6] << 8 | head[7];
    }
    return 0;
}
