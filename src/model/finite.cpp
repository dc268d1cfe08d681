#include "clipq/model/finite.h"

#include <ATen/ops/isfinite.h>

#include <cmath>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/model/resnet_tower.h"
#include "clipq/model/transformer.h"
#include "clipq/model/wrapped_linear.h"

namespace clipq {
namespace {

/// Where the first value that isn't finite has been seen; empty: nowhere.
struct FirstSeen {
  std::string place;

  void look(const at::Tensor& x, const std::string& where) {
    if (place.empty() && !all_finite(x)) place = where;
  }
};

/// A layer whose input and output are looked at.
class WatchedLinear final : public WrappedLinear {
 public:
  WatchedLinear(std::shared_ptr<const Linear> inner, std::string name, FirstSeen& first)
      : WrappedLinear(std::move(inner)), name_(std::move(name)), first_(first) {}

 private:
  at::Tensor pass(const at::Tensor& x, const std::function<at::Tensor()>& compute) const override {
    first_.look(x, "what is given to " + name_);
    at::Tensor y = compute();
    first_.look(y, name_);
    return y;
  }

  std::string name_;
  FirstSeen& first_;
};

/// Where the first value arises that isn't finite when the tower gets this input.
std::string first_place(ClipModel model, Tower tower, const at::Tensor& input) {
  FirstSeen first;
  const ModelParts parts = parts_of(model);
  for (const TransformerPart& part : parts.transformers) part.transformer->runner = nullptr;
  for (const ResNetPart& part : parts.resnets) part.network->runner = nullptr;
  for (const LinearPart& part : parts.linears) {
    *part.layer = std::make_shared<WatchedLinear>(*part.layer, part.name, first);
  }
  if (tower == Tower::kImage) first.look(input, "the pixels");
  first.look(model.encode(tower, input), "the embedding");
  return first.place;
}

}  // namespace

/// A sum is finite only if its parts are, unless finite values overflow it.
bool all_finite(const at::Tensor& x) {
  return std::isfinite(x.sum().item<float>()) || at::isfinite(x).all().item<bool>();
}

namespace internal {

std::int64_t first_bad_item(const at::Tensor& output) {
  return at::isfinite(output).flatten(1).all(1).to(at::kByte).argmin(0).item<std::int64_t>();
}

void throw_not_finite(const ClipModel& model, Tower tower, const at::Tensor& input,
                      const std::string& where, const std::string& item) {
  const std::string place = first_place(model, tower, input);
  throw InputError(
      cat(where, ": the ", name_of(tower), " tower's embedding of ", item, " isn't finite; ",
          place.empty() ? "computed layer by layer it is finite, so the fast path overflows; run "
                          "the model in simulate "
                          "mode"
                        : cat("the first value that is infinite or NaN arises in ", place,
                              ": the weights there, or before, are too large or damaged")),
      place.empty() ? std::vector<Advice>{{Setting::kMode, "simulate"}} : std::vector<Advice>());
}

}  // namespace internal
}  // namespace clipq
