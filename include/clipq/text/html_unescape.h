#pragma once

#include <string>

namespace clipq {

/// Replaces named and numeric character references by their characters as HTML 5 reads them in
/// content, and as Python's html.unescape does: "&amp;", "&ampx" (longest known name that needs no
/// semicolon), "&#233", "&#xE9;". 0x80 to 0x9F mean Windows-1252; code points that no document may
/// hold vanish or become U+FFFD; unknown names stay.
std::u32string html_unescape(const std::u32string& text);

/// The careful variant for text that perhaps isn't HTML (ftfy's rule): only references that end in
/// a semicolon, and names whose letters were all put into capitals ("&EACUTE;"), where these mean
/// nothing else.
std::u32string unescape_terminated_references(const std::u32string& text);

/// What a byte 0x80 to 0x9F means in Windows-1252; the five undefined ones stay as they are.
char32_t windows_1252(char32_t byte);

}  // namespace clipq
