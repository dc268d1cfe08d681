#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/data/image.h"
#include "clipq/library/quantize_checkpoint.h"

namespace clipq::testing {

/// Different images of different sizes.
inline std::vector<Image> images(int count) {
  std::vector<Image> all;
  for (int i = 0; i < count; ++i) {
    Image image{40 + 3 * i, 60 - 2 * i, {}};
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < image.width; ++x) {
        image.rgb.push_back(static_cast<std::uint8_t>(5 * x + 40 * i));
        image.rgb.push_back(static_cast<std::uint8_t>((x / 8 + y / 8) % 2 * 200));
        image.rgb.push_back(static_cast<std::uint8_t>(3 * y + 20 * i));
      }
    }
    all.push_back(std::move(image));
  }
  return all;
}

inline std::vector<CalibrationItem> calibration_items(int count) {
  std::vector<CalibrationItem> items;
  for (Image& image : images(count)) {
    const std::string number = std::to_string(items.size());
    items.push_back({std::move(image), {"a pattern " + number, "squares and a gradient"}});
  }
  return items;
}

}  // namespace clipq::testing
