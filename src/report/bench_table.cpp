#include "clipq/report/bench_table.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>

#include "clipq/core/strings.h"
#include "clipq/report/number_text.h"
#include "clipq/report/table.h"

namespace clipq {
namespace {

constexpr const char* kBench = "bench";
constexpr std::size_t kSlowestLayers = 15;

std::string file_name(const Result& result) {
  return std::filesystem::path(result.model.path).filename().string();
}

std::string mebibytes_text(double bytes) { return fixed(bytes / (1 << 20), 1); }

/// A number of a JSON object, which may be missing.
double number(const Json& json, const char* key) { return json.value(key, 0.0); }

/// What stands below several keys; empty if one is missing.
Json below(Json json, std::initializer_list<std::string> keys) {
  for (const std::string& key : keys) json = Json(json.value(key, Json::object()));
  return json;
}

std::string rates_text(const std::vector<const Result*>& results) {
  Table table({{"what"},
               {"model"},
               {"min ms", Align::kRight},
               {"median ms", Align::kRight},
               {"p95 ms", Align::kRight},
               {"runs", Align::kRight},
               {"items/s", Align::kRight},
               {"GOP/s", Align::kRight},
               {"of GEMM peak", Align::kRight},
               {"of bandwidth", Align::kRight}});
  for (const auto& [what, batches] : results.front()->latency) {
    for (const auto& [batch, unused] : batches) {
      for (const Result* result : results) {
        const auto measured = result->latency.find(what);
        if (measured == result->latency.end() || measured->second.count(batch) == 0) continue;
        const LatencyStats& stats = measured->second.at(batch);
        const Json rates = below(result->details[kBench], {"rates", what, std::to_string(batch)});
        table.add_row({cat(what, " b", batch), file_name(*result), number_text(stats.min_ms),
                       number_text(stats.median_ms), number_text(stats.p95_ms), cat(stats.repeats),
                       fixed(number(rates, "items_per_second"), 1), fixed(number(rates, "gops"), 0),
                       percent_text(number(rates, "share_of_peak")) + " %",
                       rates.contains("share_of_bandwidth")
                           ? percent_text(number(rates, "share_of_bandwidth")) + " %"
                           : or_nothing("")});
      }
    }
  }
  return table.text();
}

/// Seconds from the start of the process; Results of earlier versions don't have them.
std::string first_embedding_text(const Json& load) {
  if (!load.contains("first_run_seconds")) return or_nothing("");
  return number_text(number(load, "start_seconds") + number(load, "load_seconds") +
                     number(load, "first_run_seconds"));
}

std::string load_text(const std::vector<const Result*>& results) {
  Table table({{"model"},
               {"mode"},
               {"kernels"},
               {"file MiB", Align::kRight},
               {"read s", Align::kRight},
               {"load s", Align::kRight},
               {"first embedding s", Align::kRight},
               {"resident MiB", Align::kRight},
               {"of file", Align::kRight},
               {"peak MiB", Align::kRight}});
  for (const Result* result : results) {
    const Json load = result->details[kBench].value("load", Json::object());
    const double resident = number(load, "resident_bytes");
    const auto file_bytes = static_cast<double>(result->model.size_bytes);
    table.add_row(
        {file_name(*result), or_nothing(result->model.mode), or_nothing(result->model.kernels),
         number_text(result->model.size_mib()), number_text(number(load, "read_seconds")),
         number_text(number(load, "load_seconds")), first_embedding_text(load),
         mebibytes_text(resident), ratio_text(resident / load.value("stored_bytes", file_bytes)),
         mebibytes_text(number(load, "peak_resident_bytes"))});
  }
  return table.text();
}

std::string peak_text(const Result& result) {
  const Json peak = result.details[kBench].value("gemm_peak", Json::object());
  const double bandwidth = number(result.details[kBench].value("memory_bandwidth", Json::object()),
                                  "gigabytes_per_second");
  // Results of earlier versions have none of FP8.
  const std::string fp8 = peak.contains("fp8_gops")
                              ? cat(", FP8 ", fixed(number(peak, "fp8_gops"), 0), " GFLOP/s (",
                                    peak.value("fp8_kernels", ""), ")")
                              : "";
  return cat("GEMM peak of this machine: INT8 ", fixed(number(peak, "int8_gops"), 0), " GOP/s (",
             peak.value("int8_kernels", ""), ")", fp8, ", float32 ",
             fixed(number(peak, "float32_gops"), 0), " GFLOP/s",
             bandwidth > 0 ? cat("; memory bandwidth ", fixed(bandwidth, 0), " GB/s\n") : "\n");
}

/// What embedding image files takes; empty if that wasn't timed.
std::string end_to_end_text(const std::vector<const Result*>& results) {
  const Json& first = results.front()->details[kBench];
  if (!first.contains("end_to_end")) return "";
  const Json& images = first["end_to_end"];
  Table table({{"end to end"},
               {"model"},
               {"images/s", Align::kRight},
               {"of possible", Align::kRight},
               {"decode core ms", Align::kRight},
               {"resize core ms", Align::kRight},
               {"forward core ms", Align::kRight}});
  for (const auto& [batch, unused] : images["by_batch_size"].items()) {
    for (const Result* result : results) {
      const Json measured = below(result->details[kBench], {"end_to_end", "by_batch_size", batch});
      if (measured.empty()) continue;
      const double rate = number(measured, "images_per_second");
      const auto stage = [&measured](const char* name) {
        const Json& cost = measured["stages"][name];
        return cat(number_text(number(cost, "core_ms_per_image")), " (",
                   percent_text(number(cost, "share")), " %)");
      };
      table.add_row({cat("b", batch), file_name(*result), fixed(rate, 1),
                     percent_text(rate / number(measured, "possible_images_per_second")) + " %",
                     stage("decode"), stage("resize"), stage("forward")});
    }
  }
  return cat("\n", images["images"].get<std::int64_t>(), " images of ",
             images["data"].get<std::string>(), ":\n", table.text());
}

/// The slowest layers of one model, one table per tower and batch size.
std::string profile_text(const Result& result) {
  const Json profile = result.details[kBench].value("profile_ms", Json::object());
  std::string text;
  for (const auto& [what, batches] : profile.items()) {
    for (const auto& [batch, layers] : batches.items()) {
      std::vector<std::pair<double, std::string>> slowest;
      double total = 0;
      for (const auto& [layer, milliseconds] : layers.items()) {
        slowest.emplace_back(milliseconds.get<double>(), layer);
        total += slowest.back().first;
      }
      std::sort(slowest.rbegin(), slowest.rend());
      slowest.resize(std::min(slowest.size(), kSlowestLayers));
      Table table({{"layer"}, {"ms", Align::kRight}, {"share", Align::kRight}});
      for (const auto& [milliseconds, layer] : slowest) {
        table.add_row({layer, fixed(milliseconds, 3), percent_text(milliseconds / total) + " %"});
      }
      text += cat("\n", file_name(result), ", ", what, " b", batch, ", ", number_text(total),
                  " ms; slowest layers:\n", table.text());
    }
  }
  return text;
}

}  // namespace

std::string bench_table(const std::vector<Result>& results) {
  std::vector<const Result*> benched;
  for (const Result& result : results) {
    if (result.details.contains(kBench)) benched.push_back(&result);
  }
  if (benched.empty()) return "";
  std::string text = cat(rates_text(benched), "\n", load_text(benched), "\n",
                         peak_text(*benched.front()), end_to_end_text(benched));
  for (const Result* result : benched) text += profile_text(*result);
  return text;
}

}  // namespace clipq
