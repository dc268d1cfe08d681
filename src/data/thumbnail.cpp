#include "clipq/data/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "clipq/data/resize.h"

namespace clipq {

std::string jpeg_thumbnail(const Image& image, int side) {
  constexpr int kQuality = 80;
  const double scale =
      std::min(1.0, static_cast<double>(side) / std::max(image.height, image.width));
  const auto scaled = [scale](int pixels) {
    return std::max(1, static_cast<int>(std::lround(scale * pixels)));
  };
  const Image small = resize(image, scaled(image.height), scaled(image.width));
  const cv::Mat rgb(small.height, small.width, CV_8UC3,
                    const_cast<std::uint8_t*>(small.rgb.data()));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  cv::imencode(".jpg", bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, kQuality});
  return {bytes.begin(), bytes.end()};
}

}  // namespace clipq
