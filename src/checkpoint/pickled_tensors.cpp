#include "pickled_tensors.h"

#include <optional>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kDense = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";
constexpr const char* kDamaged = "has a description that is damaged; copy or export the file again";

/// The types that a CLIP's tensors can have.
constexpr at::ScalarType kTypes[] = {at::kFloat, at::kHalf, at::kBFloat16,      at::kDouble,
                                     at::kByte,  at::kChar, at::kShort,         at::kInt,
                                     at::kLong,  at::kBool, at::kFloat8_e4m3fn, at::kFloat8_e5m2};

/// The type that a storage's class holds: "torch FloatStorage".
std::optional<at::ScalarType> type_of(const PickleValue& storage_class) {
  for (const at::ScalarType type : kTypes) {
    if (storage_class.text == cat("torch ", at::toString(type), "Storage")) return type;
  }
  return std::nullopt;
}

/// The items of a tuple of as many integers as a tensor can have dimensions; nothing if it is
/// something else.
std::optional<std::vector<std::int64_t>> integers(const PickleValue& value) {
  if (value.kind != Kind::kSequence || value.items.size() > kMostDimensions) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const PickleValue* item : value.items) {
    if (item->kind != Kind::kInteger) return std::nullopt;
    out.push_back(item->integer);
  }
  return out;
}

}  // namespace

PickledTensors::PickledTensors(const StorageFile& file, std::string where)
    : where_(std::move(where)), tensors_(file, where_) {}

bool PickledTensors::is_tensor(const PickleValue& value) {
  return value.kind == Kind::kCall && value.callee->kind == Kind::kGlobal &&
         value.callee->text.starts_with("torch._utils _rebuild_");
}

PickledStorage PickledTensors::storage_of(const PickleValue& value, const std::string& where) {
  const auto fail = [&where](const std::string& reason) {
    throw InputError(cat(where, " ", reason));
  };
  const bool known = value.kind == Kind::kPersistent && value.arguments->items.size() >= 5 &&
                     value.arguments->items[0]->is_text("storage") &&
                     value.arguments->items[1]->kind == Kind::kGlobal &&
                     value.arguments->items[2]->kind == Kind::kText &&
                     value.arguments->items[4]->kind == Kind::kInteger;
  if (!known) fail("has a storage that is damaged; copy or export the file again");
  const std::vector<const PickleValue*>& id = value.arguments->items;
  if (id.size() > 5 && id[5]->kind != Kind::kNone) {
    fail(
        "is stored as a view of another, which only old versions of PyTorch write; load the file "
        "in PyTorch and save it again");
  }
  const auto type = type_of(*id[1]);
  if (!type) fail(cat("is of type ", id[1]->text, ", which has no place in a CLIP"));
  return {id[2]->text, *type, id[4]->integer};
}

at::Tensor PickledTensors::make(const PickleValue& value, const std::string& name) {
  const std::vector<const PickleValue*>& items = value.arguments->items;
  if (value.is_call_of(kParameter) && !items.empty() && items[0]->is_call_of(kDense)) {
    return make(*items[0], name);
  }
  const std::string place = cat(where_, ": tensor \"", name, "\"");
  if (!value.is_call_of(kDense)) {
    throw InputError(cat(place, " is stored by ", value.callee->text,
                         ", so it is sparse or quantized; expected a dense tensor of numbers"));
  }
  const bool complete = items.size() >= 4 && items[1]->kind == Kind::kInteger;
  auto sizes = complete ? integers(*items[2]) : std::nullopt;
  auto strides = complete ? integers(*items[3]) : std::nullopt;
  if (!sizes || !strides) throw InputError(cat(place, " ", kDamaged));
  PickledStorage storage = storage_of(*items[0], place);
  return tensors_.make({std::move(storage.name), storage.type, storage.count, items[1]->integer,
                        std::move(*sizes), std::move(*strides)},
                       name);
}

}  // namespace clipq
