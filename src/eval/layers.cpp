#include <algorithm>
#include <map>
#include <memory>

#include "block_drift.h"
#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"
#include "clipq/model/finite.h"
#include "labelled_prompts.h"
#include "layer_details.h"
#include "outlier_count.h"
#include "texts_of_items.h"
#include "value_histogram.h"
#include "watched_linear.h"

namespace clipq {
namespace {

/// What is looked at on the way of a tower's items through its layers.
struct Watched {
  std::vector<std::shared_ptr<Histogram>> activations;  ///< what each MLP's activation returns
  std::vector<std::pair<std::string, std::shared_ptr<OutlierCount>>> inputs;  ///< by linear layer
  std::vector<OutlierCount> blocks;                                           ///< their outputs
};

/// Puts a watcher before each of a tower's linear layers.
Watched watch(ClipModel& model, Tower tower) {
  Watched watched;
  watched.blocks.resize(static_cast<std::size_t>(model.tower(tower).config().layers));
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    if (part.tower != tower) continue;
    const auto outliers = std::make_shared<OutlierCount>();
    watched.inputs.emplace_back(part.name, outliers);
    std::shared_ptr<Histogram> histogram;
    if (part.follows_activation) {
      histogram = watched.activations.emplace_back(std::make_shared<Histogram>());
    }
    *part.layer =
        std::make_shared<WatchedLinear>(*part.layer, [outliers, histogram](const at::Tensor& x) {
          outliers->add(x);
          if (histogram) histogram->add(x);
        });
  }
  return watched;
}

Json gelu_json(const Watched& watched) {
  Json json = Json::array();
  for (const auto& histogram : watched.activations) json.push_back(histogram_json(*histogram));
  return json;
}

Json outliers_json(const Watched& watched) {
  Json blocks = Json::array();
  for (const OutlierCount& block : watched.blocks) blocks.push_back(block.json());
  Json inputs = Json::array();
  for (const auto& [name, outliers] : watched.inputs) {
    if (outliers->items() == 0) continue;  // it comes after the blocks
    Json& json = inputs.emplace_back(outliers->json());
    json["name"] = name;
  }
  return {{"blocks", std::move(blocks)}, {"inputs", std::move(inputs)}};
}

/// Runs all models block by block on one image or text after the other, so that no model's numbers
/// depend on how items are batched.
class LayerPass {
 public:
  LayerPass(const std::vector<EvaluatedModel>& models, Component towers) {
    for (const EvaluatedModel& each : models) {
      models_.push_back(*each.model);
      places_.push_back(each.place());
      for (const Tower tower : kTowers) {
        if (!includes(towers, tower)) continue;
        drift_[tower].emplace_back(each.model->tower(tower).config().layers);
      }
    }
    for (const Tower tower : kTowers) {
      if (includes(towers, tower)) watched_[tower] = watch(models_.front(), tower);
    }
  }

  void run_images(const TaskInput& input, const std::vector<std::int64_t>& items) {
    std::vector<Preprocess> preprocesses;
    for (const ClipModel& model : models_) preprocesses.push_back(model.preprocess);
    Loader loader(input.source.dataset, items, preprocesses,
                  {/*batch_size=*/1, input.encoder.options().decode_threads});
    Progress progress("image blocks", static_cast<std::int64_t>(items.size()));
    std::size_t done = 0;
    for (PixelBatch batch; loader.next(batch); progress.advance(), ++done) {
      BlockOutputs base;
      for (std::size_t i = 0; i < models_.size(); ++i) {
        const ClipModel& model = models_[i];
        const at::Tensor pixels = pixels_of(batch, model.preprocess, i);
        BlockOutputs outputs = model.image->block_outputs(pixels);
        require_finite(
            outputs.back(), model, Tower::kImage, pixels, places_[i],
            [&](std::int64_t /*row*/) { return input.source.dataset.item_name(items[done]); });
        if (i == 0) base = first_outputs(Tower::kImage, outputs);
        drift_[Tower::kImage][i].add(base, outputs);
      }
    }
  }

  void run_texts(const std::vector<EvaluatedModel>& models, const std::vector<std::string>& texts) {
    Progress progress("text blocks", static_cast<std::int64_t>(texts.size()));
    for (const std::string& text : texts) {
      BlockOutputs base;
      for (std::size_t i = 0; i < models_.size(); ++i) {
        const ClipModel& model = models_[i];
        const at::Tensor ids = tokens_of({text}, *models[i].tokenizer, model.text->config());
        const at::Tensor cut = ids.narrow(1, 0, model.text->lengths(ids).item<std::int64_t>());
        BlockOutputs outputs = model.text->block_outputs(cut);
        require_finite(outputs.back(), model, Tower::kText, cut, places_[i],
                       [&](std::int64_t /*row*/) { return cat("the text \"", text, "\""); });
        if (i == 0) base = first_outputs(Tower::kText, outputs);
        drift_[Tower::kText][i].add(base, outputs);
      }
      progress.advance();
    }
  }

  /// Of each model.
  const std::vector<BlockDrift>& drift(Tower tower) const { return drift_.at(tower); }

  /// Of the first model.
  const Watched& watched(Tower tower) const { return watched_.at(tower); }

 private:
  /// Counts the outliers of the first model's outputs, which it returns.
  const BlockOutputs& first_outputs(Tower tower, const BlockOutputs& outputs) {
    std::vector<OutlierCount>& blocks = watched_.at(tower).blocks;
    for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i].add(outputs[i]);
    return outputs;
  }

  std::vector<ClipModel> models_;
  std::vector<std::string> places_;  ///< what messages call them
  std::map<Tower, std::vector<BlockDrift>> drift_;
  std::map<Tower, Watched> watched_;
};

void add_depth(Measurement& measurement, Tower tower, const BlockDrift& drift) {
  const std::vector<double> cosines = drift.cosines();
  measurement.metrics.emplace_back(cat(name_of(tower), "_block_cosine_min"),
                                   *std::min_element(cosines.begin(), cosines.end()));
  measurement.details["depth"][name_of(tower)] = {{"cosine", cosines},
                                                  {"sqnr_db", drift.sqnr_db()}};
}

/// The model with these towers alone.
ClipModel with_towers(const ClipModel& model, Component towers) {
  if (towers == Component::kBoth) return model;
  return tower_alone(model, towers == Component::kImage ? Tower::kImage : Tower::kText);
}

/// Throws UsageError unless all models have towers of the same shapes.
void require_same_towers(const std::vector<EvaluatedModel>& models, Component towers) {
  const ClipConfig base = with_towers(*models.front().model, towers).config();
  for (const EvaluatedModel& each : models) {
    ClipConfig config = with_towers(*each.model, towers).config();
    for (const Tower tower : config.towers()) {
      config.tower(tower).settings = base.tower(tower).settings;
    }
    if (config == base) continue;
    throw UsageError(cat("layers: ", each.label, " has another architecture than ",
                         models.front().label, "; compare models of one checkpoint"));
  }
}

TaskReport measure(const TaskInput& input) {
  const std::vector<EvaluatedModel>& models = input.encoder.models();
  const Component towers = common_towers(models);
  require_same_towers(models, towers);
  const bool has_images = includes(towers, Tower::kImage);
  const ImageFeatures images = images_or_items(input, towers);
  std::vector<std::string> texts;
  if (includes(towers, Tower::kText)) texts = texts_of_items(input.data(), images.items);
  LayerPass pass(models, towers);
  if (has_images) pass.run_images(input, images.items);
  pass.run_texts(models, texts);
  TaskReport report;
  report.items = static_cast<std::int64_t>(images.items.size());
  report.skipped = images.skipped;
  report.settings = {{"texts", texts.size()},
                     {"computed", "simulated block by block, every image and text by itself"}};
  for (std::size_t i = 0; i < models.size(); ++i) {
    Measurement& measurement = report.models.emplace_back();
    if (has_images) add_depth(measurement, Tower::kImage, pass.drift(Tower::kImage)[i]);
    if (!texts.empty()) add_depth(measurement, Tower::kText, pass.drift(Tower::kText)[i]);
    measurement.details["weights"] = weight_histograms(with_towers(*models[0].model, towers),
                                                       with_towers(*models[i].model, towers));
    const Quantization* quantization = models[i].quantization;
    if (quantization == nullptr) continue;
    measurement.details["quantizers"] = quantizer_rows(*quantization);
    measurement.details["gelu_ranges"] = gelu_ranges(*quantization, *models[i].model);
  }
  Json& details = report.models.front().details;
  const auto add_watched = [&](Tower tower, bool has_items) {
    const char* name = name_of(tower);
    details["gelu"][name] = has_items ? gelu_json(pass.watched(tower)) : Json::array();
    if (has_items) details["outliers"][name] = outliers_json(pass.watched(tower));
  };
  add_watched(Tower::kImage, has_images);
  add_watched(Tower::kText, !texts.empty());
  return report;
}

}  // namespace

void check_layers(const TaskData& data) {
  if (text_source(data.dataset) == TextSource::kPrompts) labelled_prompts(data);
}

Measure encode_layers(const TaskInput& input) {
  return [input] { return measure(input); };
}

}  // namespace clipq
