#include "stored_tensors.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Tied weights share a storage; copies of them in another type, which are made later, don't.
constexpr std::uint64_t kLargestShare = 2;
constexpr std::uint64_t kMostSmallShares = 64U << 20;

bool is_sound(const StoredTensor& tensor) {
  const auto has_negative = [](const std::vector<std::int64_t>& numbers) {
    return std::any_of(numbers.begin(), numbers.end(), [](std::int64_t each) { return each < 0; });
  };
  return tensor.offset >= 0 && tensor.sizes.size() == tensor.strides.size() &&
         tensor.sizes.size() <= kMostDimensions && !has_negative(tensor.sizes) &&
         !has_negative(tensor.strides);
}

/// Elements of a tensor; nothing if they are more than `most`. A stride of 0 makes many of one.
std::optional<std::int64_t> count_of(const std::vector<std::int64_t>& sizes, std::int64_t most) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) {
    if (__builtin_mul_overflow(count, size, &count)) return std::nullopt;
  }
  return count <= most ? std::optional(count) : std::nullopt;
}

/// Elements of the storage that the tensor spans; nothing if that overflows.
std::optional<std::int64_t> extent(const StoredTensor& tensor) {
  std::int64_t last = tensor.offset;
  for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
    if (tensor.sizes[i] == 0) return 0;
    std::int64_t step = 0;
    if (__builtin_mul_overflow(tensor.sizes[i] - 1, tensor.strides[i], &step) ||
        __builtin_add_overflow(last, step, &last)) {
      return std::nullopt;
    }
  }
  std::int64_t count = 0;
  return __builtin_add_overflow(last, 1, &count) ? std::nullopt : std::optional(count);
}

}  // namespace

StoredTensors::StoredTensors(const StorageFile& file, std::string where)
    : file_(file), where_(std::move(where)) {}

void StoredTensors::fail(const std::string& name, const std::string& reason) const {
  throw InputError(
      cat(where_, ": tensor \"", name, "\" ", reason, "; copy or export the file again"));
}

at::Tensor StoredTensors::make(const StoredTensor& tensor, const std::string& name) {
  if (!is_sound(tensor)) fail(name, "has a description that is damaged");
  const at::Tensor elements = storage(tensor, name);
  const auto needed = extent(tensor);
  if (!needed || *needed > elements.numel() || !count_of(tensor.sizes, elements.numel())) {
    fail(name, cat("of shape ", at::IntArrayRef(tensor.sizes), " doesn't fit its ",
                   elements.numel(), " stored numbers"));
  }
  at::Tensor made = at::as_strided(elements, tensor.sizes, tensor.strides, tensor.offset);
  made_bytes_ += made.nbytes();
  if (made_bytes_ > kLargestShare * read_bytes_ + kMostSmallShares) {
    fail(name, "shares its storage with too many others");
  }
  return made;
}

at::Tensor StoredTensors::storage(const StoredTensor& tensor, const std::string& name) {
  const auto found = storages_.find(tensor.storage);
  if (found != storages_.end()) {
    if (found->second.scalar_type() != tensor.type ||
        found->second.numel() != tensor.count.value_or(found->second.numel())) {
      fail(name, "shares its storage with one of another type");
    }
    return found->second;
  }
  const std::uint64_t bytes = file_.size(tensor.storage);
  const std::uint64_t width = at::elementSize(tensor.type);
  const auto count = static_cast<std::int64_t>(bytes / width);
  if (bytes % width != 0 || tensor.count.value_or(count) != count) {
    fail(name, cat("has ", bytes, " bytes stored, expected ",
                   tensor.count ? cat(*tensor.count, " ") : std::string(), "numbers of ", width));
  }
  at::Tensor elements = at::empty({count}, at::TensorOptions(tensor.type));
  file_.read(tensor.storage, elements.mutable_data_ptr());
  read_bytes_ += bytes;
  return storages_[tensor.storage] = elements;
}

}  // namespace clipq
