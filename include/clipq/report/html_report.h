#pragma once

#include <string>
#include <string_view>

#include "clipq/core/json.h"

namespace clipq {

/// JSON that is safe in an HTML <script>: what could end it, or a line, is written as \u escapes.
std::string script_safe_json(const Json& json);

/// The text with &, <, > and quotes as entities.
std::string html_text(std::string_view text);

/// report.html: one file with everything in it, including the charting library and its licence.
/// @param document of report_document()
std::string html_report(const Json& document);

}  // namespace clipq
