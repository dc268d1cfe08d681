#include <algorithm>
#include <memory>

#include "block_drift.h"
#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"
#include "clipq/model/finite.h"
#include "counted_linear.h"
#include "labelled_prompts.h"
#include "layer_details.h"
#include "texts_of_items.h"
#include "value_histogram.h"

namespace clipq {
namespace {

using Histograms = std::vector<std::shared_ptr<Histogram>>;

/// Puts a counter before each layer of a tower that is given what an activation returns.
Histograms count_activations(ClipModel& model, Tower tower) {
  Histograms histograms;
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    if (part.tower != tower || !part.follows_activation) continue;
    histograms.push_back(std::make_shared<Histogram>());
    *part.layer = std::make_shared<CountedLinear>(*part.layer, histograms.back());
  }
  return histograms;
}

Json gelu_json(const Histograms& histograms) {
  Json json = Json::array();
  for (const auto& histogram : histograms) json.push_back(histogram_json(*histogram));
  return json;
}

/// Runs all models block by block on one image or text after the other, so that no model's numbers
/// depend on how items are batched.
class LayerPass {
 public:
  explicit LayerPass(const std::vector<EvaluatedModel>& models) {
    for (const EvaluatedModel& each : models) {
      models_.push_back(*each.model);
      places_.push_back(each.place());
      image_.emplace_back(each.model->image->config().layers);
      text_.emplace_back(each.model->text->config().layers);
    }
    image_gelu_ = count_activations(models_.front(), Tower::kImage);
    text_gelu_ = count_activations(models_.front(), Tower::kText);
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
        if (i == 0) base = outputs;
        image_[i].add(base, outputs);
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
        if (i == 0) base = outputs;
        text_[i].add(base, outputs);
      }
      progress.advance();
    }
  }

  const std::vector<BlockDrift>& image() const { return image_; }
  const std::vector<BlockDrift>& text() const { return text_; }
  const Histograms& image_gelu() const { return image_gelu_; }
  const Histograms& text_gelu() const { return text_gelu_; }

 private:
  std::vector<ClipModel> models_;
  std::vector<std::string> places_;  ///< what messages call them
  std::vector<BlockDrift> image_;
  std::vector<BlockDrift> text_;
  Histograms image_gelu_;  ///< of the first model
  Histograms text_gelu_;
};

void add_depth(Measurement& measurement, Tower tower, const BlockDrift& drift) {
  const std::vector<double> cosines = drift.cosines();
  measurement.metrics.emplace_back(cat(name_of(tower), "_block_cosine_min"),
                                   *std::min_element(cosines.begin(), cosines.end()));
  measurement.details["depth"][name_of(tower)] = {{"cosine", cosines},
                                                  {"sqnr_db", drift.sqnr_db()}};
}

/// Throws UsageError unless all models have towers of the same shapes.
void require_same_towers(const std::vector<EvaluatedModel>& models) {
  const ClipConfig base = models.front().model->config();
  for (const EvaluatedModel& each : models) {
    ClipConfig config = each.model->config();
    for (const Tower tower : kTowers) config.tower(tower).settings = base.tower(tower).settings;
    if (config == base) continue;
    throw UsageError(cat("layers: ", each.label, " has another architecture than ",
                         models.front().label, "; compare models of one checkpoint"));
  }
}

}  // namespace

void check_layers(const TaskData& data) {
  if (text_source(data.dataset) == TextSource::kPrompts) labelled_prompts(data);
}

TaskReport run_layers(const TaskInput& input) {
  const std::vector<EvaluatedModel>& models = input.encoder.models();
  require_same_towers(models);
  const ImageFeatures images = input.encoder.images(input.source);
  const std::vector<std::string> texts = texts_of_items(input.data(), images.items);
  LayerPass pass(models);
  pass.run_images(input, images.items);
  pass.run_texts(models, texts);
  TaskReport report;
  report.items = static_cast<std::int64_t>(images.items.size());
  report.skipped = images.skipped;
  report.settings = {{"texts", texts.size()},
                     {"computed", "simulated block by block, every image and text by itself"}};
  for (std::size_t i = 0; i < models.size(); ++i) {
    Measurement& measurement = report.models.emplace_back();
    add_depth(measurement, Tower::kImage, pass.image()[i]);
    if (!texts.empty()) add_depth(measurement, Tower::kText, pass.text()[i]);
    measurement.details["weights"] = weight_histograms(*models[0].model, *models[i].model);
    const Quantization* quantization = models[i].quantization;
    if (quantization == nullptr) continue;
    measurement.details["quantizers"] = quantizer_rows(*quantization);
    measurement.details["gelu_ranges"] = gelu_ranges(*quantization, *models[i].model);
  }
  Json& gelu = report.models.front().details["gelu"];
  gelu["image"] = gelu_json(pass.image_gelu());
  gelu["text"] = texts.empty() ? Json::array() : gelu_json(pass.text_gelu());
  return report;
}

}  // namespace clipq
