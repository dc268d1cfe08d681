#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <new>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/memory.h"
#include "clipq/core/strings.h"
#include "clipq/data/image.h"
#include "decoders.h"

namespace clipq {
void require_sane_size(std::int64_t height, std::int64_t width, const std::string& file) {
  if (height > 0 && width > 0 && height <= kMaxPixels / width) return;
  throw InputError(cat(file, " claims to have ", width, " x ", height,
                       " pixels; expected at least 1 x 1 and at most ", kMaxPixels,
                       " in total: the file is damaged, or must be scaled down first"));
}

Image decode_by_opencv(std::string_view bytes, const std::string& file) {
  const cv::Mat input(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
  cv::Mat pixels;
  std::string reason;
  try {
    pixels = cv::imdecode(input, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& failure) {
    if (is_out_of_memory(failure)) throw std::bad_alloc();
    reason = cat(" (", failure.err, ")");
  }
  if (pixels.empty()) {
    throw InputError(
        cat(file, " cannot be decoded", reason, ": got ", bytes.size(),
            " bytes, expected a complete JPEG, PNG, WebP, GIF, BMP, PNM or TIFF image; "
            "replace the file or remove it from the data set"));
  }
  Image image{pixels.rows, pixels.cols, std::vector<std::uint8_t>(pixels.total() * 3)};
  cv::Mat rgb(image.height, image.width, CV_8UC3, image.rgb.data());
  cv::cvtColor(pixels, rgb, cv::COLOR_BGR2RGB);
  return image;
}

void throw_damaged_picture(const std::string& file, const char* format, const std::string& reason) {
  throw InputError(cat(file, " is a damaged or truncated ", format, reason.empty() ? "" : ": ",
                       reason, "; replace the file or remove it from the data set"));
}

Image without_fourth_samples(const std::uint8_t* samples, int height, int width) {
  Image image{height, width, {}};
  const std::size_t pixels = std::size_t(height) * width;
  image.rgb.resize(3 * pixels);
  for (std::size_t i = 0; i < pixels; ++i) {
    std::copy(samples + 4 * i, samples + 4 * i + 3, image.rgb.begin() + std::ptrdiff_t(3 * i));
  }
  return image;
}

Image decode_image(std::span<const std::byte> data, const std::string& name,
                   const NeededPixels& needed) {
  const std::string_view bytes(reinterpret_cast<const char*>(data.data()), data.size());
  if (bytes.empty()) throw InputError(cat(name, " is empty; expected an image"));
  if (is_jpeg(bytes)) return decode_jpeg(bytes, name, needed);
  if (is_png(bytes)) return decode_by_opencv(essential_png(bytes, name), name);
  if (is_webp(bytes)) return decode_webp(bytes, name);
  if (is_gif(bytes)) return decode_gif(bytes, name);
  if (is_tiff(bytes)) return decode_tiff(bytes, name);
  if (is_binary_pnm(bytes)) return decode_by_opencv(full_range_pnm(bytes), name);
  if (const std::string format = foreign_format(bytes); !format.empty()) {
    throw InputError(cat(name, " is ", format, ", which clipq doesn't support; convert it to ",
                         "JPEG or PNG, or remove it from the data set"));
  }
  return decode_by_opencv(bytes, name);
}

Image decode_image(const std::filesystem::path& file, const NeededPixels& needed) {
  const std::string bytes = read_file(file);
  return decode_image(std::as_bytes(std::span(bytes)), file.string(), needed);
}

}  // namespace clipq
