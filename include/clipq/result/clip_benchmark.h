#pragma once

#include <string>

#include "clipq/result/result.h"

namespace clipq {

/// Whether `json` looks like CLIP_benchmark's output: an object with "dataset" and "metrics".
bool is_clip_benchmark_json(const Json& json);

/// CLIP_benchmark's document of one evaluation as a Result. The model's path is "MODEL PRETRAINED",
/// as in CLIP_benchmark's CSV; numbers that describe the linear probe, and a language other than
/// English, become settings; sizes, hash, number of items and environment stay unknown.
/// Throws InputError that names `where` and the key.
Result result_from_clip_benchmark(const Json& json, const std::string& where);

/// The other way: the model is the file's stem, what it was pretrained on the recipe's name or
/// "float". NaN is written as null. Throws UsageError if the Result has no metrics or names no data
/// set that CLIP_benchmark knows.
Json clip_benchmark_json(const Result& result);

/// The file name that CLIP_benchmark gives such a document:
/// {dataset}_{pretrained}_{model}_{language}_{task}.json with underscores for slashes.
/// Throws UsageError as clip_benchmark_json() does.
std::string clip_benchmark_file_name(const Result& result);

}  // namespace clipq
