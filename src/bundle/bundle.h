/* bundle.h - the Lua files of Enclave inside the program: what enclave-lua and libenclave
 * carry so that nothing has to be installed beside them. The list is made by the build
 * (src/bundle/bundle.cmake). Uses the Lua binding's idea of a file. */
#ifndef ENC_BUNDLE_H
#define ENC_BUNDLE_H

#include "lua_core.h"

/* "enclave/init.lua", …, "argparse.lua"; ends with a NULL name. */
extern const struct enc_lua_file enc_bundle[];

/* require finds them, after the preloaded modules and before the files of the host (first) or
 * after everything else; those modules that are C and linked in are preloaded. May raise. */
void enc_bundle_use(lua_State *L, bool first);

#endif
