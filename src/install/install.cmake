# What goes where: cmake --install, with --prefix and DESTDIR; and the Debian packages.
set(ENCLAVE_LUA_DIR ${CMAKE_INSTALL_DATADIR}/lua/5.4 CACHE STRING "Where Lua looks for .lua files")
set(ENCLAVE_LUA_LIBDIR ${CMAKE_INSTALL_LIBDIR}/lua/5.4 CACHE STRING "Where it looks for modules in C")
set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc)

install(TARGETS enclave-lua RUNTIME COMPONENT enclave-lua)
install(DIRECTORY lua/enclave DESTINATION ${ENCLAVE_LUA_DIR}
  COMPONENT enclave-lua FILES_MATCHING PATTERN "*.lua")
if(TARGET enclave_core)
  install(TARGETS enclave_core COMPONENT enclave-lua
    DESTINATION ${ENCLAVE_LUA_LIBDIR}/enclave)
endif()
install(FILES ${CMAKE_BINARY_DIR}/documents/enclave-lua.1.gz
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT enclave-lua)
install(FILES ${CMAKE_BINARY_DIR}/documents/enclave-lua.bash RENAME enclave-lua
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT enclave-lua)
# Debian's zsh looks into another folder of /usr than of /usr/local.
set(zsh_dir "\${CMAKE_INSTALL_PREFIX}")
cmake_path(APPEND zsh_dir "${CMAKE_INSTALL_DATADIR}" zsh)
install(CODE "
  set(folder site-functions)
  if(\"\${CMAKE_INSTALL_PREFIX}\" STREQUAL /usr)
    set(folder vendor-completions)
  endif()
  file(INSTALL \"${CMAKE_BINARY_DIR}/documents/enclave-lua.zsh\" RENAME _enclave-lua
    DESTINATION \"${zsh_dir}/\${folder}\")"
  COMPONENT enclave-lua)
install(FILES ${CMAKE_BINARY_DIR}/documents/enclave-lua.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT enclave-lua)
install(FILES README.md ${reference} DESTINATION ${doc_dir}/enclave-lua COMPONENT enclave-lua)
install(DIRECTORY examples DESTINATION ${doc_dir}/enclave-lua COMPONENT enclave-lua
  PATTERN "*.sh" EXCLUDE)

# Each package has its own copyright and changelog.
function(enclave_package_documents package)
  install(FILES LICENSE RENAME copyright DESTINATION ${doc_dir}/${package} COMPONENT ${package})
  install(FILES ${CMAKE_BINARY_DIR}/documents/changelog.gz
    ${CMAKE_BINARY_DIR}/documents/changelog.Debian.gz DESTINATION ${doc_dir}/${package}
    COMPONENT ${package})
endfunction()
enclave_package_documents(enclave-lua)

if(TARGET enclave)
  include(CMakePackageConfigHelpers)
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Enclave)
  install(TARGETS enclave EXPORT EnclaveTargets
    LIBRARY COMPONENT libenclave0 NAMELINK_COMPONENT libenclave-dev)
  install(DIRECTORY include/enclave DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT libenclave-dev)
  install(EXPORT EnclaveTargets NAMESPACE Enclave:: DESTINATION ${package_dir}
    COMPONENT libenclave-dev)
  configure_package_config_file(src/install/EnclaveConfig.cmake.in EnclaveConfig.cmake
    INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file(EnclaveConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/EnclaveConfig.cmake
    ${CMAKE_BINARY_DIR}/EnclaveConfigVersion.cmake DESTINATION ${package_dir}
    COMPONENT libenclave-dev)
  # The prefix is known only when it is installed; folders that are absolute are not below it.
  set(pc_libdir "\${prefix}")
  set(pc_includedir "\${prefix}")
  cmake_path(APPEND pc_libdir "${CMAKE_INSTALL_LIBDIR}")
  cmake_path(APPEND pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
  configure_file(src/install/enclave.pc.in enclave.pc.in @ONLY)
  install(CODE "
    file(READ \"${CMAKE_BINARY_DIR}/enclave.pc.in\" text)
    string(REPLACE \"prefix=${CMAKE_INSTALL_PREFIX}\\n\"
      \"prefix=\${CMAKE_INSTALL_PREFIX}\\n\" text \"\${text}\")
    file(WRITE \"${CMAKE_BINARY_DIR}/enclave.pc\" \"\${text}\")" COMPONENT libenclave-dev)
  install(FILES ${CMAKE_BINARY_DIR}/enclave.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT libenclave-dev)
  enclave_package_documents(libenclave0)
  enclave_package_documents(libenclave-dev)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL enclave-lua)
if(TARGET enclave)
  list(APPEND CPACK_COMPONENTS_ALL libenclave0 libenclave-dev)
endif()
set(CPACK_PACKAGE_NAME enclave)
set(CPACK_PACKAGE_CONTACT "Enclave maintainers <maintainers@enclave.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "runs code in warm, isolated sandboxes")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_ENCLAVE-LUA_PACKAGE_NAME enclave-lua)
set(CPACK_DEBIAN_ENCLAVE-LUA_PACKAGE_DEPENDS "lua-argparse, lua-cjson")
set(CPACK_DEBIAN_ENCLAVE-LUA_PACKAGE_RECOMMENDS "docker.io | docker-ce")
set(CPACK_DEBIAN_ENCLAVE-LUA_DESCRIPTION
"A Lua 5.4 interpreter and module, command line and HTTP server that keep
 a pool of warm Docker sandboxes, lend one for each call, clean it and
 lend it again.")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_LIBENCLAVE0_PACKAGE_NAME libenclave0)
set(CPACK_DEBIAN_LIBENCLAVE0_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBENCLAVE0_PACKAGE_DEPENDS lua-cjson)
set(CPACK_DEBIAN_LIBENCLAVE0_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/src/install/debian/triggers)
set(CPACK_DEBIAN_LIBENCLAVE0_DESCRIPTION
"The C library: an engine with warm pools of Docker sandboxes inside a C or
 C++ program, with JSON in and out, for calls from any thread.")
set(CPACK_DEBIAN_LIBENCLAVE-DEV_PACKAGE_NAME libenclave-dev)
set(CPACK_DEBIAN_LIBENCLAVE-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBENCLAVE-DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_LIBENCLAVE-DEV_PACKAGE_DEPENDS
  "libenclave0 (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(CPACK_DEBIAN_LIBENCLAVE-DEV_DESCRIPTION
"Headers of the C library, and what pkg-config and CMake's find_package need
 to build programs with it.")
include(CPack)
