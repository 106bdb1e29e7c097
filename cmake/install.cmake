# What goes where: cmake --install, with --prefix and DESTDIR; and the Debian packages.
include(GNUInstallDirs)
set(lua_version 5.4)
set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc)

install(TARGETS enclave-lua RUNTIME COMPONENT enclave-lua)
install(DIRECTORY lua/enclave DESTINATION ${CMAKE_INSTALL_DATADIR}/lua/${lua_version}
  COMPONENT enclave-lua FILES_MATCHING PATTERN "*.lua")
if(TARGET enclave_core)
  install(TARGETS enclave_core COMPONENT enclave-lua
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/lua/${lua_version}/enclave)
endif()
install(FILES ${CMAKE_BINARY_DIR}/documents/enclave-lua.1.gz
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT enclave-lua)
install(FILES ${CMAKE_BINARY_DIR}/documents/enclave-lua.bash RENAME enclave-lua
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT enclave-lua)
install(FILES ${CMAKE_BINARY_DIR}/documents/enclave-lua.zsh RENAME _enclave-lua
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT enclave-lua)
install(FILES ${CMAKE_BINARY_DIR}/documents/enclave-lua.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT enclave-lua)
install(FILES README.md DESTINATION ${doc_dir}/enclave-lua COMPONENT enclave-lua)
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

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL enclave-lua)
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
include(CPack)
