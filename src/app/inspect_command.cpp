#include "clipq/app/inspect_command.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

#include "clipq/core/strings.h"
#include "clipq/data/preprocess_json.h"
#include "clipq/model/size_parts.h"
#include "clipq/quant/summary.h"
#include "clipq/report/table.h"

namespace clipq {
namespace {

/// Without the unit.
std::string in_mebibytes(std::int64_t bytes) {
  return fixed(static_cast<double>(bytes) / (1 << 20), 2);
}

/// A number with four significant digits.
std::string short_number(double value) {
  std::ostringstream out;
  out << std::setprecision(4) << value;
  return out.str();
}

std::string settings_text(const TowerConfig& config) {
  const TowerSettings& settings = config.settings;
  std::ostringstream out;
  out << settings.heads << " heads";
  if (config.is_transformer()) {
    out << ", activation " << name_of(settings.activation) << ", LayerNorm eps "
        << settings.layer_norm_eps;
  }
  out << (settings.normalized ? ", embeddings of length 1" : "");
  return out.str();
}

std::string tower_text(const TowerConfig& config) {
  return cat("width ", config.width, ", ", config.layers, " layers, ", settings_text(config), "\n");
}

/// "stem 64 wide, 3 + 4 + 6 + 3 blocks"
std::string stages_text(const ResNetStages& stages) {
  std::vector<std::string> counts;
  for (const std::int64_t count : stages.blocks) counts.push_back(cat(count));
  return cat("stem ", stages.width, " wide, ", join(counts, " + "), " blocks");
}

std::string image_text(const ImageTowerConfig& config) {
  const std::string start = cat(describe(config), ", ", config.resolution, " pixels, ");
  if (!config.is_resnet()) return cat(start, "patch ", config.patch_size, ", ", tower_text(config));
  return cat(start, stages_text(config.stages), ", attention pool ", config.width, " wide, ",
             settings_text(config), "\n");
}

std::string config_lines(const ClipConfig& config) {
  std::string lines;
  if (const auto& image = config.image) {
    lines += cat("image tower: ", image_text(*image));
  }
  if (const auto& text = config.text) {
    lines += cat("text tower: ", describe(*text), ", context ", text->context_length,
                 ", vocabulary ", text->vocab_size, ", ", tower_text(*text));
  }
  return cat(lines, "embedding: ", config.embed_dim(), "\n");
}

/// One line; numbers of a channel are separated by slashes.
std::string preprocess_line(const Json& preprocess) {
  const auto channels = [&preprocess](const char* key) {
    std::vector<std::string> numbers;
    for (const Json& each : preprocess[key]) numbers.push_back(short_number(each.get<double>()));
    return join(numbers, "/");
  };
  const auto named = [&preprocess](const char* key) {
    return cat(key, " ", preprocess[key].get<std::string>());
  };
  const std::string mode = preprocess["resize_mode"];
  std::string detail;
  if (mode == "shortest") detail = cat(named("crop_offset"), ", ");
  if (mode == "longest") detail = cat("fill_color ", preprocess["fill_color"].dump(), ", ");
  return cat("preprocessing: ", named("resize_mode"), ", ", named("interpolation"), ", ", detail,
             "mean ", channels("mean"), ", std ", channels("std"), "\n");
}

void describe_tokenizer(const OpenedModel& opened, Inspection& out) {
  const Tokenizer& tokenizer = opened.tokenizer;
  const char* origin = opened.own_tokenizer ? "the model's own" : "standard";
  out.text += cat("tokenizer: ", origin, ", ", tokenizer.name(), ", ", tokenizer.vocabulary_size(),
                  " entries\n");
  out.json["tokenizer"] = {
      {"origin", origin}, {"name", tokenizer.name()}, {"entries", tokenizer.vocabulary_size()}};
}

/// Parameters and bytes by part, and what of each tower a recipe can quantize.
void describe_parts(OpenedModel& opened, Inspection& out) {
  const ModelParts parts = parts_of(opened.model);
  std::map<std::string, std::int64_t> bytes(opened.info.parts.begin(), opened.info.parts.end());
  Table table({{"part"}, {"parameters", Align::kRight}, {"stored MiB", Align::kRight}});
  for (const auto& [part, parameters] : parameter_counts(parts)) {
    if (parameters == 0) continue;
    table.add_row({part, std::to_string(parameters), in_mebibytes(bytes[part])});
    out.json["parts"][part] = {{"parameters", parameters}, {"bytes", bytes[part]}};
  }
  table.add_row({"rest of the file", "", in_mebibytes(bytes["archive"])});
  out.json["parts"]["archive"] = {{"bytes", bytes["archive"]}};
  out.text += table.text();
  for (const Tower tower : opened.model.towers()) {
    const auto count = [tower](const auto& places) {
      return std::count_if(places.begin(), places.end(),
                           [tower](const PartPlace& place) { return place.tower == tower; });
    };
    const auto convolutions = std::count_if(
        parts.linears.begin(), parts.linears.end(),
        [tower](const LinearPart& part) { return part.tower == tower && part.window.has_value(); });
    const auto linears = count(parts.linears) - convolutions;
    const auto attentions = count(parts.attentions);
    const auto embeddings = count(parts.embeddings);
    out.text +=
        cat("quantizable layers of the ", name_of(tower),
            " tower: ", convolutions > 0 ? cat(convolutions, " convolution, ") : "", linears,
            " linear, ", attentions, " attention", embeddings > 0 ? ", 1 embedding" : "", "\n");
    out.json["quantizable"][name_of(tower)] = {
        {"linear", linears}, {"attention", attentions}, {"embedding", embeddings}};
    if (convolutions > 0) out.json["quantizable"][name_of(tower)]["convolution"] = convolutions;
  }
}

std::string tower_parity_text(const TowerParity& parity) {
  return cat("cosine ", fixed(parity.cosine, 7), ", relative error ", short_number(parity.error),
             " (explained by rounding: ", short_number(parity.tolerance), ")");
}

void describe_checkpoint(const OpenedModel& opened, Inspection& out) {
  const Checkpoint& checkpoint = *opened.checkpoint;
  std::vector<std::string> dtypes;
  for (const auto& [dtype, count] : checkpoint.dtypes) dtypes.push_back(cat(count, " ", dtype));
  out.text += cat("container: ", checkpoint.container, "\ndialect: ", checkpoint.dialect,
                  "\ntensors: ", join(dtypes, ", "), "\n");
  out.json["dtypes"] = checkpoint.dtypes;
  out.json["container"] = checkpoint.container;
  out.json["dialect"] = checkpoint.dialect;
  for (const auto& [tower, settled] : checkpoint.towers) {
    const bool is_transformer = settled.activation.origin != Origin::kUnused;
    out.text +=
        cat(name_of(tower), " tower: heads from ", name_of(settled.heads.origin),
            is_transformer ? cat(", activation from ", name_of(settled.activation.origin),
                                 ", LayerNorm eps from ", name_of(settled.layer_norm_eps.origin))
                           : "",
            tower == Tower::kText ? cat(", pooling from ", name_of(settled.pooling.origin),
                                        ", causality from ", name_of(settled.causal.origin))
                                  : "",
            "\n");
    Json& from = out.json["settings_from"][name_of(tower)];
    from["heads"] = name_of(settled.heads.origin);
    if (is_transformer) {
      from["activation"] = name_of(settled.activation.origin);
      from["layer_norm_eps"] = name_of(settled.layer_norm_eps.origin);
    }
    if (tower == Tower::kText) {
      out.json["settings_from"]["text"]["pooling"] = name_of(settled.pooling.origin);
      out.json["settings_from"]["text"]["causal"] = name_of(settled.causal.origin);
    }
  }
  out.text += cat("weights in float32: ", mebibytes(checkpoint.float32_bytes), "\n");
  out.json["float32_bytes"] = checkpoint.float32_bytes;
  if (checkpoint.parity) {
    const Parity& parity = *checkpoint.parity;
    std::vector<std::string> towers;
    for (const auto& [tower, of_tower] : parity.towers) {
      towers.push_back(cat(name_of(tower), " ", tower_parity_text(of_tower)));
    }
    out.text += cat("compared with ", parity.source, ": ", join(towers, "; "), "\n");
    out.json["parity"] = to_json(parity);
  } else {
    out.text += cat(checkpoint.unchecked, "\n");
    out.json["unchecked"] = checkpoint.unchecked;
  }
}

std::string range_text(const QuantizerRecord& record) {
  if (!record.range) return "dynamic";
  const RangeSummary& range = *record.range;
  return cat("[", short_number(range.span.low), ", ", short_number(range.span.high), "]",
             range.count > 1 ? cat(" of ", range.count, " scales") : "");
}

/// "12.5 (1.6 %)": the ratio, and the share of outliers where there are any.
std::string outliers_text(const std::optional<OutlierSummary>& outliers) {
  if (!outliers) return "";
  const std::string share =
      outliers->share > 0 ? cat(" (", fixed(100 * outliers->share, 1), " %)") : "";
  return cat(fixed(outliers->ratio, 1), share);
}

/// Every enabled quantizer with its range and how well it fits, and the number of disabled ones.
std::string quantizer_table(const Quantization& quantization) {
  Table table({{"quantizer"},
               {"description"},
               {"range"},
               {"clipped %", Align::kRight},
               {"SQNR dB", Align::kRight},
               {"output cosine", Align::kRight},
               {"outlier tokens", Align::kRight},
               {"outlier channels", Align::kRight}});
  std::int64_t off = 0;
  for (const QuantizerRecord& record : quantization.quantizers) {
    if (!record.placed.enabled) {
      ++off;
      continue;
    }
    const auto& diagnosis = record.diagnosis;
    const bool has_cosine = diagnosis && diagnosis->output_cosine;
    table.add_row({record.placed.name(), record.placed.spec.describe(), range_text(record),
                   diagnosis ? fixed(100 * diagnosis->clipped, 3) : "",
                   diagnosis ? fixed(diagnosis->sqnr_db, 1) : "",
                   has_cosine ? fixed(*diagnosis->output_cosine, 6) : "",
                   diagnosis ? outliers_text(diagnosis->tokens) : "",
                   diagnosis ? outliers_text(diagnosis->channels) : ""});
  }
  return cat(table.text(), off, " more quantizers are off\n",
             "clipped: share of values outside the range; SQNR: signal to quantization noise;\n"
             "output cosine: of the layer's output to the float layer's;\n"
             "outlier tokens, channels: the largest magnitude of one over the median of all, and "
             "the share\n"
             "of those beyond ",
             short_number(kOutlierRatio), " times the median. Activations and outputs:\n",
             quantization.calibration
                 ? "on sampled tokens of the calibration data\n"
                 : "not measured; pass --calib-data to clipq quantize to measure them\n");
}

void describe_artifact(OpenedModel& opened, Inspection& out) {
  const Quantization& quantization = *opened.quantization;
  out.text +=
      cat("quantized from: ", opened.source.file, " (SHA-256 ", opened.source.sha256,
          ")\nrecipe: ", quantization.recipe_name, ", component ", quantization.component, "\n");
  if (quantization.calibration) {
    out.text += cat("calibration: ", to_json(*quantization.calibration).dump(), "\n");
  }
  if (!opened.source.unchecked.empty()) {
    out.text += cat("its checkpoint was ", opened.source.unchecked, "\n");
  }
  out.text += quantizer_table(quantization) + coverage_lines(opened.model, quantization);
  for (const std::string& warning : quantization.warnings)
    out.text += cat("warning: ", warning, "\n");
  const Manifest manifest = {opened.model.config(), opened.model.preprocess, quantization,
                             opened.source};
  out.json["manifest"] = to_json(manifest);
}

/// What was opened: for programs and for people.
struct Kind {
  const char* name;
  const char* text;
};

Kind kind_of(const OpenedModel& opened) {
  if (opened.quantization) return {"artifact", "clipq artifact"};
  if (opened.checkpoint) return {"checkpoint", "CLIP checkpoint"};
  if (opened.info.mode == "onnx") return {"exported folder", "exported folder"};
  return {"exported float model", "exported float model"};
}

}  // namespace

Inspection inspect(const std::filesystem::path& file, const ModelOptions& options) {
  // Integer kernels would replace the layers to be described.
  ModelOptions as_stored = options;
  as_stored.simulate = true;
  OpenedModel opened = open_model(file, as_stored);
  Inspection out;
  out.text = cat(file.string(), ": ", kind_of(opened).text, ", ", mebibytes(opened.info.size_bytes),
                 "\n", config_lines(opened.model.config()));
  out.json = {{"path", file.string()},
              {"kind", kind_of(opened).name},
              {"sha256", opened.info.sha256},
              {"size_bytes", opened.info.size_bytes},
              {"config", to_json(opened.model.config())}};
  if (opened.model.image) {
    out.json["preprocess"] = to_json(opened.model.preprocess);
    out.text += preprocess_line(out.json["preprocess"]);
  }
  if (opened.model.text) describe_tokenizer(opened, out);
  if (opened.checkpoint) describe_checkpoint(opened, out);
  if (!opened.info.parts.empty()) describe_parts(opened, out);
  if (opened.quantization) describe_artifact(opened, out);
  return out;
}

}  // namespace clipq
