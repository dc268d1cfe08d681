#include "clipq/quant/state_file.h"

#include <ATen/core/Dict.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "clipq/core/digested_file.h"
#include "clipq/core/error.h"
#include "clipq/core/memory.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kSchema = "clipq.calibration/3";

/// What was read of a file whose digest agrees: what write_calibration() wrote, unless it was
/// another version of clipq.
SavedCalibration parse(const std::string& content) {
  const c10::IValue value = torch::jit::pickle_load({content.begin(), content.end()});
  const auto& parts = value.toTupleRef().elements();
  if (parts.at(0).toStringRef() != kSchema) throw std::runtime_error("another schema");
  SavedCalibration saved;
  saved.fingerprint = parts.at(1).toStringRef();
  saved.pass = parts.at(2).toStringRef();
  saved.batches = {parts.at(3).toInt(), parts.at(4).toInt()};
  saved.pass_batches = parts.at(5).toInt();
  saved.data = parts.at(6).toStringRef();
  for (const auto& entry : parts.at(7).toGenericDict()) {
    saved.state[entry.key().toStringRef()] = entry.value().toTensor();
  }
  return saved;
}

/// Nothing if the bytes are damaged or another version's.
std::optional<SavedCalibration> parse_if_possible(const std::string& bytes) {
  try {
    return parse(bytes);
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) throw;
  }
  return std::nullopt;
}

}  // namespace

std::string to_bytes(const SavedCalibration& saved) {
  c10::Dict<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : saved.state) tensors.insert(name, tensor.contiguous());
  const c10::IValue content = c10::ivalue::Tuple::create(
      {std::string(kSchema), saved.fingerprint, saved.pass, saved.batches.first, saved.batches.last,
       saved.pass_batches, saved.data, c10::IValue(tensors)});
  const std::vector<char> bytes = torch::jit::pickle_save(content);
  return {bytes.begin(), bytes.end()};
}

SavedCalibration statistics_from_bytes(const std::string& bytes, const std::string& where) {
  if (auto saved = parse_if_possible(bytes)) return std::move(*saved);
  throw InputError(cat(where,
                       ": not statistics that this version of clipq gathered, or damaged; gather "
                       "them again"),
                   {{Setting::kStatistics}});
}

void write_calibration(const std::filesystem::path& file, const SavedCalibration& saved) {
  write_digested(file, to_bytes(saved));
}

SavedCalibration read_calibration(const std::filesystem::path& file) {
  const std::optional<std::string> content = read_digested(file);
  if (content) {
    if (auto saved = parse_if_possible(*content)) return std::move(*saved);
  }
  throw InputError(cat(file.string(),
                       ": not a calibration that this version of clipq saved, or damaged; remove "
                       "it, or start over without resuming"),
                   {{Setting::kResume}});
}

SavedCalibration read_statistics(const std::filesystem::path& file) {
  return statistics_from_bytes(read_digested(file).value_or(""), file.string());
}

}  // namespace clipq
