#include "clipq/report/index_table.h"

#include <filesystem>

#include "clipq/core/strings.h"
#include "clipq/report/add_once.h"
#include "clipq/report/table.h"

namespace clipq {
namespace {

constexpr const char* kDetail = "index_compatibility";

std::string file_of(const Result& result) {
  return std::filesystem::path(result.model.path).filename().string();
}

/// All values of K, in order of appearance.
std::vector<std::string> lengths_of(const std::vector<const Result*>& results) {
  std::vector<std::string> lengths;
  for (const Result* result : results) {
    for (const Json& search : result->details[kDetail]["searches"]) {
      for (const auto& [k, value] : search["recall"].items()) add_once(k, lengths);
    }
  }
  return lengths;
}

std::vector<Column> columns_for(const std::vector<std::string>& lengths) {
  std::vector<Column> columns = {{"search"}, {"index"}, {"queries"}, {"stored as"}};
  for (const std::string& k : lengths) {
    columns.push_back({cat("R@", k, " %"), Align::kRight});
    columns.push_back({"loss", Align::kRight});
  }
  columns.push_back({"overlap %", Align::kRight});
  columns.push_back({"moved by", Align::kRight});
  return columns;
}

/// A fraction in percent or percentage points.
std::string hundredths(const Json& fraction) { return fixed(100 * fraction.get<double>(), 2); }

std::string loss_text(const Json& loss) {
  return cat(hundredths(loss["value"]), " [", hundredths(loss["low"]), ", ",
             hundredths(loss["high"]), "]");
}

std::vector<std::string> row_of(const Json& search, const std::vector<std::string>& lengths,
                                const std::string& first, const std::string& own) {
  const auto side = [&](const char* key) { return search[key] == "own" ? own : first; };
  std::string stored = search["format"];
  if (search.contains("rescored")) stored += cat(", ", search["rescored"].dump(), " rescored");
  std::vector<std::string> cells = {
      search["direction"] == "image_retrieval" ? "text → image" : "image → text", side("index"),
      side("queries"), stored};
  for (const std::string& k : lengths) {
    cells.push_back(hundredths(search["recall"][k]));
    cells.push_back(loss_text(search["loss"][k]));
  }
  cells.push_back(hundredths(search["overlap"]));
  cells.push_back(fixed(search["displacement"].get<double>(), 2));
  return cells;
}

}  // namespace

std::string index_table(const std::vector<Result>& results) {
  std::vector<const Result*> measured;
  for (const Result& result : results) {
    if (result.details.contains(kDetail)) measured.push_back(&result);
  }
  if (measured.empty()) return "";
  const std::vector<std::string> lengths = lengths_of(measured);
  Table table(columns_for(lengths));
  for (const Result* result : measured) {
    for (const Json& search : result->details[kDetail]["searches"]) {
      table.add_row(row_of(search, lengths, file_of(*measured.front()), file_of(*result)));
    }
  }
  std::string text = cat("\n", table.text());
  for (const Result* result : measured) {
    for (const std::string& verdict : index_verdicts(*result))
      text += cat("Verdict: ", verdict, "\n");
  }
  return text;
}

std::vector<std::string> index_verdicts(const Result& result) {
  std::vector<std::string> texts;
  const Json detail = result.details.value(kDetail, Json());
  // Details of files aren't checked when they are read.
  if (!detail.is_object()) return texts;
  for (const Json& each : detail.value("verdicts", Json())) {
    if (each.is_object() && each.contains("text") && each["text"].is_string()) {
      texts.push_back(each["text"]);
    }
  }
  return texts;
}

}  // namespace clipq
