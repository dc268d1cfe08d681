#include "clipq/report/result_table.h"

#include "clipq/report/merged_table.h"

namespace clipq {

std::string result_table(const std::vector<Result>& results) {
  if (results.empty()) return "";
  const MergedResults merged = merge_results(results);
  std::string text = merged_table(merged).text() + "\n";
  for (const std::string& note : merged_notes(merged)) text += note + "\n";
  return text;
}

}  // namespace clipq
