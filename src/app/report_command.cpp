#include "clipq/app/report_command.h"

#include "clipq/app/read_all_results.h"
#include "clipq/core/files.h"
#include "clipq/report/html_report.h"
#include "clipq/report/markdown.h"
#include "clipq/report/report_document.h"

namespace clipq {

void report(const ReportOptions& options) {
  write_report(read_all_results(options.results), options.folder, options.title);
}

void write_report(const std::vector<Result>& results, const std::filesystem::path& folder,
                  const std::string& title) {
  const std::string shown = title.empty() ? "Quantized CLIP compared with float" : title;
  const Json document = report_document(results, shown);
  const std::string markdown = markdown_report(results, shown);
  const std::string html = html_report(document);
  make_folder(folder);
  write_file(folder / "report.json", json_text(document));
  write_file(folder / "report.md", markdown);
  write_file(folder / "report.html", html);
}

}  // namespace clipq
