/* bundled.h - Lua files that the host program carries, for bundled.c and fs.c. Private to
 * src/lua. */
#ifndef ENC_L_BUNDLED_H
#define ENC_L_BUNDLED_H

#include "core.h"

/* The name of a carried file ("bundle:/a/b.lua" gives "a/b.lua"); NULL: a path of the host. */
const char *l_bundled(const char *path);
const struct enc_lua_file *l_find_file(const struct l_core *core, const char *name);
/* What follows the folder in the file's name, or NULL. */
const char *l_file_below(const struct enc_lua_file *file, const char *folder);

#endif
