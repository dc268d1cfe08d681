# The shared library libclipq, its few public headers, and what find_package(clipq) needs. Programs that use it
# see no header of LibTorch, OpenCV or another library, and link only to libclipq.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/library.cpp" CONTENT "// The library's sources are those of the modules.\n")
add_library(clipq_shared SHARED "${PROJECT_BINARY_DIR}/generated/library.cpp")
set_target_properties(clipq_shared PROPERTIES
  OUTPUT_NAME clipq EXPORT_NAME clipq VERSION "${PROJECT_VERSION}" SOVERSION "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}"
  INSTALL_RPATH "${TORCH_INSTALL_PREFIX}/lib")
target_link_libraries(clipq_shared PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,clipq_library>" "$<BUILD_INTERFACE:clipq_build_settings>")
target_compile_features(clipq_shared INTERFACE cxx_std_20)
target_sources(clipq_shared INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES
  "${PROJECT_SOURCE_DIR}/include/clipq/clipq.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/checkpoint/parity_mode.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/core/error.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/core/export.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/core/log_sink.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/core/setting.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/data/image.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/library/embedder.h"
  "${PROJECT_SOURCE_DIR}/include/clipq/library/quantize_checkpoint.h")

set(_package "${CMAKE_INSTALL_LIBDIR}/cmake/clipq")
install(TARGETS clipq_shared EXPORT clipq_targets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" FILE_SET HEADERS)
install(EXPORT clipq_targets FILE clipqConfig.cmake NAMESPACE clipq:: DESTINATION "${_package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/clipqConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/clipqConfigVersion.cmake" DESTINATION "${_package}")
