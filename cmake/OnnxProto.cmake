# clipq_onnx_proto: ONNX's messages as C++, from the schema that scripts/setup.sh takes out of the onnx wheel.
# Nothing that includes LibTorch may link to it: LibTorch carries headers of another Protobuf.
set(_schema "${PROJECT_SOURCE_DIR}/assets/onnx.proto")
if(NOT EXISTS "${_schema}")
  message(FATAL_ERROR "${_schema} is missing. Run scripts/setup.sh, which fetches it.")
endif()
set(_onnx_sources "${PROJECT_BINARY_DIR}/generated/onnx_proto")
file(MAKE_DIRECTORY "${_onnx_sources}")
add_custom_command(
  OUTPUT "${_onnx_sources}/onnx.pb.cc" "${_onnx_sources}/onnx.pb.h"
  COMMAND protobuf::protoc "--cpp_out=${_onnx_sources}" "--proto_path=${PROJECT_SOURCE_DIR}/assets" "${_schema}"
  DEPENDS "${_schema}")
add_library(clipq_onnx_proto STATIC "${_onnx_sources}/onnx.pb.cc")
target_include_directories(clipq_onnx_proto SYSTEM PUBLIC "${_onnx_sources}")
target_link_libraries(clipq_onnx_proto PUBLIC protobuf::libprotobuf-lite)
