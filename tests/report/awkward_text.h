#pragma once

namespace clipq::testing {

/// What file names, captions and class names may hold: quotes, tags, separators, line breaks,
/// emoji, right-to-left text, what ends a script or a line of one.
inline constexpr const char* kAwkward =
    "a \"b\" 'c' <img src=x onerror=alert(1)> </script><!-- | \\ `d` *e* [f](g), h\ni & j 🐱 שלום "
    "\u2028\u2029 {{title}}";

}  // namespace clipq::testing
