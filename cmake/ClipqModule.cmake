# clipq_module(NAME [TORCH] [LINK target…]): the static library clipq_NAME from src/NAME/*.cpp.
function(clipq_module name)
  cmake_parse_arguments(ARG "TORCH" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
  add_library(clipq_${name} STATIC ${sources})
  target_include_directories(clipq_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include"
                                                  "${PROJECT_BINARY_DIR}/generated")
  target_link_libraries(clipq_${name} PRIVATE clipq_build_settings)
  target_link_libraries(clipq_${name} PUBLIC ${ARG_LINK})
  if(ARG_TORCH)
    target_link_libraries(clipq_${name} PUBLIC clipq_torch)
  endif()
endfunction()
