# Builds clipq_assets: files compiled into the program by the assembler's .incbin, and their table.
# The asset's name is its path below the folder that it is embedded from.
set(_asset_rows "")
set(_asset_assembly ".section .rodata\n")
set(_asset_declarations "")
set(_asset_files "")
set(_asset_count 0)

macro(clipq_embed prefix base)
  foreach(file ${ARGN})
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY "${base}" OUTPUT_VARIABLE _relative)
    set(_symbol "clipq_asset_${_asset_count}")
    math(EXPR _asset_count "${_asset_count} + 1")
    string(APPEND _asset_assembly
           ".global ${_symbol}_begin\n.hidden ${_symbol}_begin\n${_symbol}_begin:\n.incbin \"${file}\"\n"
           ".global ${_symbol}_end\n.hidden ${_symbol}_end\n${_symbol}_end:\n.byte 0\n")
    string(APPEND _asset_declarations
           "extern \"C\" const char ${_symbol}_begin[];\nextern \"C\" const char ${_symbol}_end[];\n")
    string(APPEND _asset_rows "    {\"${prefix}${_relative}\", ${_symbol}_begin, ${_symbol}_end},\n")
    list(APPEND _asset_files "${file}")
  endforeach()
endmacro()

set(_bpe "${PROJECT_SOURCE_DIR}/assets/bpe_simple_vocab_16e6.txt.gz")
file(GLOB _prompts CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/assets/prompts/*")
file(GLOB _configs CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/configs/recipes/*.json"
     "${PROJECT_SOURCE_DIR}/configs/templates/*.json" "${PROJECT_SOURCE_DIR}/configs/runs/*.json")
file(GLOB _scripts CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/artifact/torchscript/*.py")
file(GLOB _python CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/onnx/python/*.py")
file(GLOB _report_page CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/report/html/*.html"
     "${PROJECT_SOURCE_DIR}/src/report/html/*.css" "${PROJECT_SOURCE_DIR}/src/report/html/js/*.js")
set(_echarts "${PROJECT_SOURCE_DIR}/assets/echarts/echarts.min.js" "${PROJECT_SOURCE_DIR}/assets/echarts/LICENSE"
             "${PROJECT_SOURCE_DIR}/assets/echarts/LICENSE-d3" "${PROJECT_SOURCE_DIR}/assets/echarts/NOTICE")
foreach(file "${_bpe}" ${_echarts})
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "${file} is missing. Run scripts/setup.sh, which fetches it.")
  endif()
endforeach()
file(GLOB _completion CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/clipq/completion/*.sh")
file(GLOB _demo CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/demo/clip-demo.pt")
clipq_embed("" "${PROJECT_SOURCE_DIR}/assets" "${_bpe}" ${_prompts} ${_echarts})
clipq_embed("" "${PROJECT_SOURCE_DIR}/configs" ${_configs})
clipq_embed("" "${PROJECT_SOURCE_DIR}/src/artifact" ${_scripts})
clipq_embed("" "${PROJECT_SOURCE_DIR}/src/onnx" ${_python})
clipq_embed("" "${PROJECT_SOURCE_DIR}/src/report" ${_report_page})
clipq_embed("" "${PROJECT_SOURCE_DIR}/tools/clipq" ${_completion})
clipq_embed("" "${PROJECT_SOURCE_DIR}" ${_demo})

string(APPEND _asset_assembly ".section .note.GNU-stack,\"\",@progbits\n")
set(_generated "${PROJECT_BINARY_DIR}/generated")
file(CONFIGURE OUTPUT "${_generated}/assets.S" CONTENT "${_asset_assembly}" @ONLY)
file(CONFIGURE OUTPUT "${_generated}/asset_table.cpp" @ONLY CONTENT
"#include \"clipq/core/assets.h\"\n
${_asset_declarations}
namespace clipq::detail {
const AssetRow kAssets[] = {\n${_asset_rows}};
const std::size_t kAssetCount = ${_asset_count};
}  // namespace clipq::detail\n")
set_source_files_properties("${_generated}/assets.S" PROPERTIES OBJECT_DEPENDS "${_asset_files}")

configure_file("${PROJECT_SOURCE_DIR}/cmake/version.h.in" "${_generated}/clipq/core/version.h" @ONLY)

add_library(clipq_assets STATIC "${_generated}/assets.S" "${_generated}/asset_table.cpp")
target_include_directories(clipq_assets PRIVATE "${PROJECT_SOURCE_DIR}/include")
