#include "clipq/bench/profile_model.h"

#include <utility>

#include "clipq/model/layer_slots.h"
#include "clipq/model/wrapped_linear.h"
#include "clipq/quant/native_transformer.h"

namespace clipq {
namespace {

class ProfiledLinear final : public WrappedLinear {
 public:
  ProfiledLinear(std::shared_ptr<const Linear> inner, std::string name,
                 std::shared_ptr<LayerProfile> profile)
      : WrappedLinear(std::move(inner)), name_(std::move(name)), profile_(std::move(profile)) {}

  at::Tensor forward(const at::Tensor& x) const override {
    const TimedLayer timed(profile_.get(), name_);
    return inner().forward(x);
  }
  at::Tensor forward_part(const at::Tensor& x, std::int64_t first,
                          std::int64_t count) const override {
    const TimedLayer timed(profile_.get(), name_);
    return inner().forward_part(x, first, count);
  }

 private:
  std::string name_;
  std::shared_ptr<LayerProfile> profile_;
};

class ProfiledEmbedding final : public Embedding {
 public:
  ProfiledEmbedding(std::shared_ptr<const Embedding> inner, std::string name,
                    std::shared_ptr<LayerProfile> profile)
      : inner_(std::move(inner)), name_(std::move(name)), profile_(std::move(profile)) {}

  at::Tensor forward(const at::Tensor& ids) const override {
    const TimedLayer timed(profile_.get(), name_);
    return inner_->forward(ids);
  }
  std::int64_t entries() const override { return inner_->entries(); }
  std::int64_t width() const override { return inner_->width(); }

 private:
  std::shared_ptr<const Embedding> inner_;
  std::string name_;
  std::shared_ptr<LayerProfile> profile_;
};

/// The tower's runner with timers; nullptr if it has none.
std::shared_ptr<const TransformerRunner> profiled_runner(
    const std::shared_ptr<const TransformerRunner>& runner,
    const std::shared_ptr<LayerProfile>& profile) {
  const auto* native = dynamic_cast<const NativeTransformer*>(runner.get());
  return native == nullptr ? nullptr : native->profiled(profile);
}

}  // namespace

ClipModel profiled(ClipModel model, const std::shared_ptr<LayerProfile>& profile) {
  model.visual.runner = profiled_runner(model.visual.runner, profile);
  model.text.runner = profiled_runner(model.text.runner, profile);
  const LayerSlots slots = layer_slots(model);
  for (const LinearSlot& slot : slots.linears) {
    *slot.layer = std::make_shared<ProfiledLinear>(*slot.layer, slot.name, profile);
  }
  for (const auto& slot : slots.embeddings) {
    *slot.layer = std::make_shared<ProfiledEmbedding>(*slot.layer, slot.name, profile);
  }
  return model;
}

}  // namespace clipq
