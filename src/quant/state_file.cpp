#include "clipq/quant/state_file.h"

#include <ATen/core/Dict.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kSchema = "clipq.calibration/1";

}  // namespace

void write_calibration(const std::filesystem::path& file, const SavedCalibration& saved) {
  c10::Dict<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : saved.state) tensors.insert(name, tensor.contiguous());
  const c10::IValue content = c10::ivalue::Tuple::create(
      {std::string(kSchema), saved.fingerprint, saved.batches, c10::IValue(tensors)});
  const std::vector<char> bytes = torch::jit::pickle_save(content);
  write_file(file, {bytes.data(), bytes.size()});
}

SavedCalibration read_calibration(const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  try {
    const c10::IValue content = torch::jit::pickle_load({bytes.begin(), bytes.end()});
    const auto& parts = content.toTupleRef().elements();
    if (parts.at(0).toStringRef() != kSchema) throw std::runtime_error("another schema");
    SavedCalibration saved;
    saved.fingerprint = parts.at(1).toStringRef();
    saved.batches = parts.at(2).toInt();
    for (const auto& entry : parts.at(3).toGenericDict()) {
      saved.state[entry.key().toStringRef()] = entry.value().toTensor();
    }
    return saved;
  } catch (const std::exception&) {
    throw InputError(cat(file.string(),
                         ": not a calibration that clipq saved, or damaged; remove it, or run "
                         "without --resume"));
  }
}

}  // namespace clipq
