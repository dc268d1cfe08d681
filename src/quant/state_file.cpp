#include "clipq/quant/state_file.h"

#include <ATen/core/Dict.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <stdexcept>
#include <vector>

#include "clipq/core/digested_file.h"
#include "clipq/core/error.h"
#include "clipq/core/memory.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kSchema = "clipq.calibration/2";

/// What was read of a file whose digest agrees: what write_calibration() wrote, unless it was
/// another version of clipq.
SavedCalibration parse(const std::string& content) {
  const c10::IValue value = torch::jit::pickle_load({content.begin(), content.end()});
  const auto& parts = value.toTupleRef().elements();
  if (parts.at(0).toStringRef() != kSchema) throw std::runtime_error("another schema");
  SavedCalibration saved;
  saved.fingerprint = parts.at(1).toStringRef();
  saved.batches = parts.at(2).toInt();
  for (const auto& entry : parts.at(3).toGenericDict()) {
    saved.state[entry.key().toStringRef()] = entry.value().toTensor();
  }
  return saved;
}

}  // namespace

void write_calibration(const std::filesystem::path& file, const SavedCalibration& saved) {
  c10::Dict<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : saved.state) tensors.insert(name, tensor.contiguous());
  const c10::IValue content = c10::ivalue::Tuple::create(
      {std::string(kSchema), saved.fingerprint, saved.batches, c10::IValue(tensors)});
  const std::vector<char> bytes = torch::jit::pickle_save(content);
  write_digested(file, {bytes.data(), bytes.size()});
}

SavedCalibration read_calibration(const std::filesystem::path& file) {
  const std::optional<std::string> content = read_digested(file);
  try {
    if (content) return parse(*content);
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) throw;
  }
  throw InputError(cat(file.string(),
                       ": not a calibration that this version of clipq saved, or damaged; remove "
                       "it, or start over without resuming"),
                   {{Setting::kResume}});
}

}  // namespace clipq
