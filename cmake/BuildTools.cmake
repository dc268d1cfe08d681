# Compiler settings shared by every target: warnings, sanitizers, ccache. The linker is the
# compiler's own: mold 1.10 (Debian 12) can place a one-byte thread-local variable so that the program
# cannot be loaded ("cannot apply additional memory protection").
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

# -Wno-restrict: GCC 12 warns falsely of std::string concatenation (GCC bug 105651).
add_library(clipq_build_settings INTERFACE)
target_compile_options(clipq_build_settings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wnon-virtual-dtor;-Wno-restrict>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${CLIPQ_WARNINGS_AS_ERRORS}>>:-Werror>)

# GCC takes the sources of a unity build for headers, in which this would be right.
if(CMAKE_UNITY_BUILD)
  target_compile_options(clipq_build_settings INTERFACE -Wno-subobject-linkage)
endif()

if(CLIPQ_SANITIZE)
  # In instrumented code GCC 12 sees uninitialized values and stores out of bounds where there are none.
  target_compile_options(clipq_build_settings INTERFACE
    -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
