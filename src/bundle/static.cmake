# ENCLAVE_STATIC: what has a static library on Debian goes into enclave-lua; libcurl,
# libarchive and GnuTLS, which have too many parts, stay shared, and libc.
pkg_check_modules(GNUTLS REQUIRED gnutls)
foreach(pair UV=libuv_a.a JANSSON=libjansson.a LUA=liblua5.4.a MICROHTTPD=libmicrohttpd.a
    CJSON=liblua5.4-cjson.a)
  string(REGEX MATCH "^(.+)=(.+)$" pair ${pair})
  find_library(ENCLAVE_STATIC_${CMAKE_MATCH_1} ${CMAKE_MATCH_2} REQUIRED)
  if(TARGET PkgConfig::${CMAKE_MATCH_1})
    set_target_properties(PkgConfig::${CMAKE_MATCH_1} PROPERTIES
      INTERFACE_LINK_LIBRARIES ${ENCLAVE_STATIC_${CMAKE_MATCH_1}})
  endif()
endforeach()
set_property(TARGET PkgConfig::UV APPEND PROPERTY INTERFACE_LINK_LIBRARIES pthread dl rt)
set_property(TARGET PkgConfig::LUA APPEND PROPERTY INTERFACE_LINK_LIBRARIES m dl)
set_property(TARGET PkgConfig::MICROHTTPD APPEND PROPERTY
  INTERFACE_LINK_LIBRARIES ${GNUTLS_LINK_LIBRARIES})
