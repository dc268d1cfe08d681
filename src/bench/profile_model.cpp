#include "clipq/bench/profile_model.h"

#include <utility>

#include "clipq/model/resnet_tower.h"
#include "clipq/model/transformer.h"
#include "clipq/model/wrapped_linear.h"

namespace clipq {
namespace {

constexpr int kProfiledRuns = 5;

class ProfiledLinear final : public WrappedLinear {
 public:
  ProfiledLinear(std::shared_ptr<const Linear> inner, std::string name,
                 std::shared_ptr<LayerProfile> profile)
      : WrappedLinear(std::move(inner)), name_(std::move(name)), profile_(std::move(profile)) {}

 private:
  at::Tensor pass(const at::Tensor& /*x*/,
                  const std::function<at::Tensor()>& compute) const override {
    const TimedLayer timed(profile_.get(), name_);
    return compute();
  }

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

}  // namespace

ClipModel profiled(ClipModel model, const std::shared_ptr<LayerProfile>& profile) {
  const ModelParts parts = parts_of(model);
  for (const TransformerPart& part : parts.transformers) {
    auto& runner = part.transformer->runner;
    if (runner) runner = runner->profiled(profile);
  }
  for (const ResNetPart& part : parts.resnets) {
    auto& runner = part.network->runner;
    if (runner) runner = runner->profiled(profile);
  }
  for (const LinearPart& part : parts.linears) {
    *part.layer = std::make_shared<ProfiledLinear>(*part.layer, part.name, profile);
  }
  for (const EmbeddingPart& part : parts.embeddings) {
    *part.layer = std::make_shared<ProfiledEmbedding>(*part.layer, part.name, profile);
  }
  return model;
}

LayerTimes layer_times(const TimedModel& timed, const std::string& what, std::int64_t batch) {
  const auto profile = std::make_shared<LayerProfile>();
  const ClipModel model = profiled(*timed.model, profile);
  const TimedTask task = timed_task({&model, timed.prompts}, what, batch);
  task.run();
  const std::map<std::string, double> warm_up = profile->seconds();
  LayerTimes times;
  for (int i = 0; i < kProfiledRuns; ++i) times.rest += milliseconds_of(task.run);
  times.rest /= kProfiledRuns;
  for (const auto& [layer, seconds] : profile->seconds()) {
    const auto before = warm_up.find(layer);
    const double own = 1e3 * (seconds - (before == warm_up.end() ? 0 : before->second));
    times.layers[layer] = own / kProfiledRuns;
    times.rest -= times.layers[layer];
  }
  return times;
}

}  // namespace clipq
