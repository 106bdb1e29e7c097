# languages_image.sh - the image in which spec/multi_code_languages_spec.lua and
# spec/notebook_spec.lua run, made of Debian packages, and which languages it has. Sourced after
# examples/setup.sh.
#
# The quick one has what installs in under a minute. The full one has every language that
# Debian 12 packages; it is 2.8 GB, of which 700 MB are downloaded. Both have what notebooks use.
# The others are of the one release of Debian that has their language.
# shellcheck shell=sh disable=SC2034 # used by those who source it

# Munkres and the plain BLAS save matplotlib from SciPy and a larger one: half a gigabyte.
QUICK_PACKAGES=python3-pytest,gcc,g++,nodejs,php-cli,lua5.4,perl,ruby,iverilog,sqlite3,\
python3-ipython,python3-matplotlib,python3-munkres,libblas3,liblapack3
QUICK_LANGUAGES="python pytest c cpp nodejs php bash lua perl ruby verilog sqlite"
FULL_PACKAGES=$QUICK_PACKAGES,golang-go,default-jdk-headless,junit4,node-typescript,jest,rustc,\
r-base-core,ldc,scala,mono-mcs,racket,kotlin
FULL_LANGUAGES="$QUICK_LANGUAGES csharp go go_test java junit ts jest rust r d_ut scala \
kotlin_script racket"

# languages_of quick|full|julia|swift: says what that image has, and where its root is to be.
languages_of() {
  image_suite=bookworm
  case $1 in
  quick) ENCLAVE_LANGUAGES=$QUICK_LANGUAGES image_packages=$QUICK_PACKAGES ;;
  full) ENCLAVE_LANGUAGES=$FULL_LANGUAGES image_packages=$FULL_PACKAGES ;;
  julia)
    ENCLAVE_LANGUAGES="julia python bash perl" image_packages=julia image_suite=bullseye ;;
  swift)
    ENCLAVE_LANGUAGES="swift python bash perl c"
    image_packages=swiftlang,libc6-dev image_suite=trixie ;;
  esac
  # Another list of packages is another root.
  languages_tar=$(printf %s "$image_packages" | cksum | cut -d' ' -f1)
  languages_tar=$ENCLAVE_CACHE/languages-$1-$languages_tar.tar
}

# languages_image quick|full|julia|swift
languages_image() {
  languages_of "$1"
  ENCLAVE_LANGUAGES_IMAGE=enclave/languages:$1
  export ENCLAVE_LANGUAGES ENCLAVE_LANGUAGES_IMAGE
  has_image "$ENCLAVE_LANGUAGES_IMAGE" && return 0
  make_image_root "$languages_tar" "$image_packages" "$image_suite"
  import_image enclave/languages "$1" "$languages_tar"
}
