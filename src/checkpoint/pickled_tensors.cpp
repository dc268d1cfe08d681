#include "pickled_tensors.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>

#include <optional>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kDense = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";

/// The types that a CLIP's tensors can have.
constexpr at::ScalarType kTypes[] = {at::kFloat, at::kHalf, at::kBFloat16,      at::kDouble,
                                     at::kByte,  at::kChar, at::kShort,         at::kInt,
                                     at::kLong,  at::kBool, at::kFloat8_e4m3fn, at::kFloat8_e5m2};

constexpr std::size_t kMostDimensions = 8;

/// The type that a storage's class holds: "torch FloatStorage".
std::optional<at::ScalarType> type_of(const PickleValue& storage_class) {
  for (const at::ScalarType type : kTypes) {
    if (storage_class.text == cat("torch ", at::toString(type), "Storage")) return type;
  }
  return std::nullopt;
}

/// The items of a tuple of integers that are 0 or more; nothing if it is something else.
std::optional<std::vector<std::int64_t>> integers(const PickleValue& value) {
  if (value.kind != Kind::kSequence) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const PickleValue* item : value.items) {
    if (item->kind != Kind::kInteger || item->integer < 0) return std::nullopt;
    out.push_back(item->integer);
  }
  return out;
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
std::optional<std::int64_t> extent(std::int64_t offset, const std::vector<std::int64_t>& sizes,
                                   const std::vector<std::int64_t>& strides) {
  std::int64_t last = offset;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    std::int64_t step = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &step) ||
        __builtin_add_overflow(last, step, &last)) {
      return std::nullopt;
    }
  }
  std::int64_t count = 0;
  return __builtin_add_overflow(last, 1, &count) ? std::nullopt : std::optional(count);
}

}  // namespace

PickledTensors::PickledTensors(const ZipArchive& zip, std::string folder, std::string where)
    : zip_(zip), folder_(std::move(folder)), where_(std::move(where)) {}

bool PickledTensors::is_tensor(const PickleValue& value) {
  return value.kind == Kind::kCall && value.callee->kind == Kind::kGlobal &&
         value.callee->text.starts_with("torch._utils _rebuild_");
}

at::Tensor PickledTensors::make(const PickleValue& value, const std::string& name) {
  const std::vector<const PickleValue*>& items = value.arguments->items;
  if (value.is_call_of(kParameter) && !items.empty() && items[0]->is_call_of(kDense)) {
    return make(*items[0], name);
  }
  const auto fail = [&](const std::string& reason) {
    throw InputError(cat(where_, ": tensor \"", name, "\" ", reason));
  };
  if (!value.is_call_of(kDense)) {
    fail(cat("is stored by ", value.callee->text,
             ", so it is sparse or quantized; expected a dense tensor of numbers"));
  }
  const bool complete =
      items.size() >= 4 && items[1]->kind == Kind::kInteger && items[1]->integer >= 0;
  const auto sizes = complete ? integers(*items[2]) : std::nullopt;
  const auto strides = complete ? integers(*items[3]) : std::nullopt;
  if (!sizes || !strides || sizes->size() != strides->size() || sizes->size() > kMostDimensions) {
    fail("has a description that is damaged; copy or export the file again");
  }
  const at::Tensor elements = storage(*items[0], name);
  const auto needed = extent(items[1]->integer, *sizes, *strides);
  if (!needed || *needed > elements.numel() || !count_of(*sizes, elements.numel())) {
    fail(cat("of shape ", at::IntArrayRef(*sizes), " doesn't fit its ", elements.numel(),
             " stored numbers; copy or export the file again"));
  }
  return at::as_strided(elements, *sizes, *strides, items[1]->integer);
}

at::Tensor PickledTensors::storage(const PickleValue& value, const std::string& name) {
  const auto fail = [&](const std::string& reason) {
    throw InputError(cat(where_, ": tensor \"", name, "\" ", reason));
  };
  const bool known = value.kind == Kind::kPersistent && value.arguments->items.size() >= 5 &&
                     value.arguments->items[0]->is_text("storage") &&
                     value.arguments->items[1]->kind == Kind::kGlobal &&
                     value.arguments->items[2]->kind == Kind::kText &&
                     value.arguments->items[4]->kind == Kind::kInteger;
  if (!known) fail("has a storage that is damaged; copy or export the file again");
  const PickleValue& storage_class = *value.arguments->items[1];
  const std::string record = folder_ + value.arguments->items[2]->text;
  const std::int64_t count = value.arguments->items[4]->integer;
  const auto type = type_of(storage_class);
  if (!type) fail(cat("is of type ", storage_class.text, ", which has no place in a CLIP"));
  const auto found = storages_.find(record);
  if (found != storages_.end()) {
    if (found->second.scalar_type() != *type || found->second.numel() != count) {
      fail("shares its storage with one of another type; copy or export the file again");
    }
    return found->second;
  }
  const std::uint64_t bytes = zip_.size(record);
  const std::uint64_t width = at::elementSize(*type);
  if (count < 0 || bytes % width != 0 || bytes / width != static_cast<std::uint64_t>(count)) {
    fail(cat("has ", bytes, " bytes stored, expected ", count, " numbers of ", width,
             "; copy or export the file again"));
  }
  at::Tensor elements = at::empty({count}, at::TensorOptions(*type));
  zip_.read(record, elements.mutable_data_ptr());
  return storages_[record] = elements;
}

}  // namespace clipq
