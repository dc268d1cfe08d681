#pragma once

#include <string>

#include "clipq/core/json.h"
#include "clipq/quant/quantized_model.h"

namespace clipq {

/// Where a quantized model came from.
struct Source {
  std::string file;    ///< name without folder
  std::string sha256;  ///< of the whole file
  std::int64_t size_bytes = 0;
  std::int64_t float32_bytes = 0;  ///< of all weights in float32
  std::string unchecked = {};      ///< as Checkpoint's; empty: it was checked
};

/// What an artifact's document clipq.json holds.
struct Manifest {
  ClipConfig config;
  Preprocess preprocess;
  Quantization quantization;
  Source source;
  std::string tensors_sha256 = {};    ///< sha256_of the archive's tensors; empty: not known
  std::string tokenizer_sha256 = {};  ///< of the tokenizer's documents; empty: not known, or none
};

Json to_json(const Manifest& manifest);

/// The same with the key manifest_sha256, the SHA-256 of what to_json() gives as compact JSON.
Json to_sealed_json(const Manifest& manifest);

/// The inverse of to_json and of to_sealed_json. Throws InputError that names `where` if it isn't a
/// manifest of a version that this program reads, or was changed after it was sealed.
Manifest manifest_from_json(const Json& json, const std::string& where);

}  // namespace clipq
