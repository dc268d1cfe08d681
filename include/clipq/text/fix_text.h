#pragma once

#include <string>

namespace clipq {

/// Repairs what commonly goes wrong with text, as ftfy 6.3's fix_text does by default, line by
/// line until nothing changes: HTML references (unless a "<" occurs in this line or one before),
/// Windows-1252 controls, Latin ligatures, full and half width, curly quotes, line breaks, terminal
/// escapes, control characters, NFC. Unlike ftfy, it does not repair mojibake ("Ã©" stays).
std::u32string fix_text(const std::u32string& text);

}  // namespace clipq
