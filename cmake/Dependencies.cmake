# Every library clipq uses. README's dependency table says why each is here.
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(hwy REQUIRED)
find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs)
find_package(PkgConfig REQUIRED)
find_package(JPEG REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)
find_path(CSV_INCLUDE csv.h REQUIRED)
find_library(SENTENCEPIECE_LIBRARY sentencepiece REQUIRED)
find_path(SENTENCEPIECE_INCLUDE sentencepiece_processor.h REQUIRED)
find_package(GIF REQUIRED)
find_package(TIFF REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebpdemux libwebp)
pkg_check_modules(LBFGS REQUIRED IMPORTED_TARGET liblbfgs)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)

# Before Torch, which has headers of another Protobuf.
find_package(Protobuf REQUIRED)

# A LibTorch on CMAKE_PREFIX_PATH (variable or environment) wins; else the wheel in .venv.
find_package(Torch QUIET)
if(NOT Torch_FOUND)
  file(GLOB _venv_torch "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
  list(APPEND CMAKE_PREFIX_PATH ${_venv_torch})
  find_package(Torch QUIET)
endif()
if(NOT Torch_FOUND)
  message(FATAL_ERROR "LibTorch not found. Run scripts/setup.sh, or give your own with "
                      "-DCMAKE_PREFIX_PATH=/path/to/libtorch (2.13.0 is what clipq is tested with).")
endif()

# LibTorch as a system library, so that its headers raise no warnings here.
add_library(clipq_torch INTERFACE)
target_include_directories(clipq_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(clipq_torch INTERFACE ${TORCH_LIBRARIES})
