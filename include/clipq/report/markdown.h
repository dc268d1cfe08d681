#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clipq/report/table.h"
#include "clipq/result/result.h"

namespace clipq {

/// The text escaped so that GitHub-flavoured Markdown shows it literally, also within a table cell;
/// a line break becomes a space.
std::string markdown_text(std::string_view text);

/// A GitHub-flavoured table; its cells are escaped.
std::string markdown_table(const Table& table);

/// report.md: the title, accuracies and latencies of all models in one table, then each task's own.
/// Throws as report_document() does.
std::string markdown_report(const std::vector<Result>& results, const std::string& title);

}  // namespace clipq
