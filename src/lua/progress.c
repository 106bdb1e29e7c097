#include <stdlib.h>
#include <string.h>

#include "lua_pool.h"

#define MOST_EVENTS 1024

struct event {
    struct enc_list in_events;
    long long current, total;
    char what[128], part[96];
};

void l_progress_init(struct l_progress *progress, struct l_wait *wait) {
    *progress = (struct l_progress){.wait = wait};
    enc_list_init(&progress->events);
}

void l_progress_drop(struct l_progress *progress) {
    struct enc_list *first;
    while ((first = enc_list_pop_front(&progress->events)))
        free(ENC_CONTAINER_OF(first, struct event, in_events));
    progress->count = 0;
}

void l_progress_add(struct l_progress *progress,
                    const char *what,
                    const char *part,
                    long long current,
                    long long total) {
    if (progress->count >= MOST_EVENTS) /* the listener is busy; the next ones will tell */
        return;
    struct event *event = malloc(sizeof *event);
    if (!event)
        return;
    event->current = current;
    event->total = total;
    snprintf(event->what, sizeof event->what, "%s", what ? what : "");
    snprintf(event->part, sizeof event->part, "%s", part ? part : "");
    enc_list_push_back(&progress->events, &event->in_events);
    progress->count++;
    if (progress->wait)
        l_wake(progress->wait);
}

int l_progress_wait(lua_State *L,
                    struct l_progress *progress,
                    int status,
                    int base,
                    int fn,
                    lua_KContext context,
                    lua_KFunction k) {
    for (;;) {
        if (status != LUA_OK && status != LUA_YIELD)
            return 0;
        lua_settop(L, base);
        struct enc_list *first = enc_list_pop_front(&progress->events);
        if (first) {
            struct event event = *ENC_CONTAINER_OF(first, struct event, in_events);
            free(ENC_CONTAINER_OF(first, struct event, in_events));
            progress->count--;
            if (!lua_isfunction(L, fn))
                continue;
            luaL_checkstack(L, 8, "progress");
            lua_pushcfunction(L, l_traceback);
            lua_pushvalue(L, fn);
            lua_pushstring(L, event.what);
            lua_pushstring(L, event.part);
            lua_pushinteger(L, event.current);
            lua_pushinteger(L, event.total);
            status = lua_pcallk(L, 4, 0, base + 1, context, k);
            continue;
        }
        if (progress->ended || progress->wait->cancelled || progress->wait->failed)
            return 1;
        progress->wait->done = false;
        l_await(L, progress->wait, context, k);
        status = LUA_OK;
    }
}
