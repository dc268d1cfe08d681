#include "clipq/report/markdown.h"

#include "clipq/core/strings.h"
#include "clipq/report/add_once.h"
#include "clipq/report/headline.h"
#include "clipq/report/html_report.h"
#include "clipq/report/index_table.h"
#include "clipq/report/merged_table.h"

namespace clipq {
namespace {

constexpr std::string_view kMarkup = "\\`*_[]#|~";

std::string markdown_row(const std::vector<std::string>& cells) {
  return cat("| ", join(cells, " | "), " |\n");
}

std::string escaped_row(const std::vector<std::string>& cells) {
  std::vector<std::string> escaped;
  escaped.reserve(cells.size());
  for (const std::string& cell : cells) escaped.push_back(markdown_text(cell));
  return markdown_row(escaped);
}

/// A table and what belongs below it.
std::string section(const MergedResults& merged) {
  std::string text = markdown_table(merged_table(merged)) + "\n";
  for (const std::string& note : merged_notes(merged)) {
    text += cat("- ", markdown_text(note), "\n");
  }
  return text;
}

std::string task_section(const std::vector<Result>& results) {
  std::string text = section(merge_results(results));
  for (const Result& result : results) {
    for (const std::string& verdict : index_verdicts(result)) {
      text += cat("- Verdict: ", markdown_text(verdict), "\n");
    }
  }
  return text + "\n";
}

std::vector<std::string> task_names(const std::vector<Result>& results) {
  std::vector<std::string> names;
  for (const Result& result : results) add_once(result.task, names);
  return names;
}

std::vector<Result> results_of(const std::string& task, const std::vector<Result>& results) {
  std::vector<Result> own;
  for (const Result& result : results) {
    if (result.task == task) own.push_back(result);
  }
  return own;
}

}  // namespace

std::string markdown_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else if (c == '\n' || c == '\r' || c == '\t') {
      escaped += ' ';
    } else {
      if (kMarkup.find(c) != std::string_view::npos) escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

std::string markdown_table(const Table& table) {
  std::vector<std::string> headers;
  std::vector<std::string> rules;
  for (const Column& column : table.columns()) {
    headers.push_back(column.header);
    rules.emplace_back(column.align == Align::kRight ? "--:" : "---");
  }
  std::string text = escaped_row(headers) + markdown_row(rules);
  for (const auto& row : table.rows()) text += escaped_row(row);
  return text;
}

std::string markdown_report(const std::vector<Result>& results, const std::string& title) {
  Headline top = headline(results);
  if (!top.metrics.empty()) top.merged.metric_columns = top.metrics;
  std::string text = cat("# ", markdown_text(title), "\n\n", section(top.merged), "\n");
  for (const std::string& task : task_names(results)) {
    text += cat("<details><summary>", html_text(task), "</summary>\n\n",
                task_section(results_of(task, results)), "</details>\n\n");
  }
  return text;
}

}  // namespace clipq
