#pragma once

#include <cstdint>
#include <filesystem>

#include "clipq/onnx_graph/onnx_graph.h"

namespace clipq {

/// Protobuf reads no message of 2 GiB or more: beyond this many bytes of constants they go into a
/// file of their own.
inline constexpr std::int64_t kMostInlineBytes = (std::int64_t{1} << 31) - (std::int64_t{1} << 24);

/// The name of that file is the graph's with this behind it.
inline constexpr const char* kExternalDataEnding = "_data";

/// Writes the model as an .onnx file, complete or not at all, with the lowest IR version that its
/// opset allows. If its constants take more than `most_inline_bytes`, those of at least 1024 bytes
/// lie in a file beside it, each at a multiple of 4096.
/// Throws InputError if a file can't be written.
void write_onnx(const OnnxModel& model, const std::filesystem::path& file,
                std::int64_t most_inline_bytes = kMostInlineBytes);

}  // namespace clipq
