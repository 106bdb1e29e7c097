# The Lua files as a C file for the assembler to include: enclave_bundle(OUTPUT file ...) with
# pairs "name=path".
function(enclave_bundle output)
  set(texts "")
  set(entries "")
  set(paths "")
  set(number 0)
  foreach(pair ${ARGN})
    string(REGEX MATCH "^([^=]+)=(.+)$" pair ${pair})
    string(APPEND texts "TEXT(${number}, \"${CMAKE_MATCH_2}\")\n")
    string(APPEND entries "    FILE_AT(\"${CMAKE_MATCH_1}\", ${number}),\n")
    list(APPEND paths ${CMAKE_MATCH_2})
    math(EXPR number "${number} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[
/* Made by src/bundle/bundle.cmake. */
#include "bundle.h"

#define TEXT(n, path)                                                                          \
    __asm__(".section .rodata\n"                                                               \
            ".global enc_lua_text_" #n ", enc_lua_text_" #n "_end\n"                           \
            ".hidden enc_lua_text_" #n ", enc_lua_text_" #n "_end\n"                           \
            "enc_lua_text_" #n ": .incbin \"" path "\"\n"                                      \
            "enc_lua_text_" #n "_end: .byte 0\n"                                               \
            ".previous\n");                                                                    \
    extern const char enc_lua_text_##n[], enc_lua_text_##n##_end[];
#define FILE_AT(name, n) {name, enc_lua_text_##n, enc_lua_text_##n##_end}

@texts@
const struct enc_lua_file enc_bundle[] = {
@entries@    {NULL, NULL, NULL}};
]])
  set_source_files_properties(${output} PROPERTIES OBJECT_DEPENDS "${paths}")
endfunction()
