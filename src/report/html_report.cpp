#include "clipq/report/html_report.h"

#include <functional>

#include "clipq/core/assets.h"
#include "clipq/core/error.h"

namespace clipq {
namespace {

/// The part of the document that the page needs: without outcomes, which are large and only used
/// for intervals.
Json page_data(Json document) {
  for (Json& result : document["results"]) result.erase("outcomes");
  return document;
}

/// The page's own scripts, in the order of their names.
std::string scripts() {
  std::string all;
  for (const std::string& name : asset_names("html/js/")) all += std::string(asset(name)) + "\n";
  return all;
}

/// `page` with each {{name}} replaced by what `content` returns for the name; inserted text isn't
/// scanned again.
std::string filled(std::string_view page,
                   const std::function<std::string(std::string_view)>& content) {
  std::string out;
  while (true) {
    const std::size_t begin = page.find("{{");
    if (begin == std::string_view::npos) return out += page;
    const std::size_t end = page.find("}}", begin);
    if (end == std::string_view::npos) throw InternalError("report.html: {{ without }}");
    out += page.substr(0, begin);
    out += content(page.substr(begin + 2, end - begin - 2));
    page.remove_prefix(end + 2);
  }
}

}  // namespace

std::string script_safe_json(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i);
    if (text[i] == '<') {
      safe += "\\u003c";
    } else if (text[i] == '>') {
      safe += "\\u003e";
    } else if (text[i] == '&') {
      safe += "\\u0026";
    } else if (rest.substr(0, 3) == "\u2028" || rest.substr(0, 3) == "\u2029") {
      safe += rest.substr(0, 3) == "\u2028" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      safe += text[i];
    }
  }
  return safe;
}

std::string html_text(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string html_report(const Json& document) {
  return filled(asset("html/report.html"), [&](std::string_view name) -> std::string {
    if (name == "title") return html_text(document.at("title").get<std::string>());
    if (name == "style") return std::string(asset("html/report.css"));
    if (name == "licence") return html_text(asset("echarts/LICENSE"));
    if (name == "notice") return html_text(asset("echarts/NOTICE"));
    if (name == "licence-d3") return html_text(asset("echarts/LICENSE-d3"));
    if (name == "echarts") return std::string(asset("echarts/echarts.min.js"));
    if (name == "scripts") return scripts();
    if (name == "data") return script_safe_json(page_data(document));
    throw InternalError("report.html: nothing is called " + std::string(name));
  });
}

}  // namespace clipq
