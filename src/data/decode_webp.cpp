#include <webp/demux.h>

#include <memory>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

struct DeleteDecoder {
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

}  // namespace

bool is_webp(std::string_view bytes) {
  return bytes.starts_with("RIFF") && bytes.size() > 12 && bytes.substr(8, 4) == "WEBP";
}

Image decode_webp(std::string_view bytes, const std::string& file) {
  WebPAnimDecoderOptions options;
  if (WebPAnimDecoderOptionsInit(&options) == 0)
    throw InternalError("libwebp has a different version");
  options.color_mode = MODE_RGBA;
  const WebPData data = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, DeleteDecoder> decoder(
      WebPAnimDecoderNew(&data, &options));
  WebPAnimInfo info{};
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0) {
    throw_damaged_picture(file, "WebP", "its header or its frames are incomplete");
  }
  require_sane_size(info.canvas_height, info.canvas_width, file);
  std::uint8_t* frame = nullptr;
  int timestamp = 0;
  if (WebPAnimDecoderGetNext(decoder.get(), &frame, &timestamp) == 0) {
    throw_damaged_picture(file, "WebP", "its first frame cannot be decoded");
  }
  return without_fourth_samples(frame, static_cast<int>(info.canvas_height),
                                static_cast<int>(info.canvas_width));
}

}  // namespace clipq
