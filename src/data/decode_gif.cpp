#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, CloseGif>;

[[noreturn]] void throw_damaged(const std::string& file, int error) {
  const char* reason = GifErrorString(error);
  throw_damaged_picture(file, "GIF", reason == nullptr ? "it has no image" : reason);
}

/// Gives giflib the next bytes.
int read_bytes(GifFileType* gif, GifByteType* out, int wanted) {
  auto& rest = *static_cast<std::string_view*>(gif->UserData);
  const std::size_t count = std::min(rest.size(), static_cast<std::size_t>(wanted));
  std::memcpy(out, rest.data(), count);
  rest.remove_prefix(count);
  return static_cast<int>(count);
}

/// The index of the transparent colour that a graphic control extension names, or -1.
int transparent_color(const GifByteType* extension) {
  GraphicsControlBlock control;
  if (DGifExtensionToGCB(extension[0], extension + 1, &control) != GIF_OK) return -1;
  return control.TransparentColor;
}

/// Moves to the first image. Returns the colour that is transparent in it, or -1.
int find_picture(GifFileType* gif, const std::string& file) {
  int transparent = -1;
  for (;;) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(gif, &record) != GIF_OK) throw_damaged(file, gif->Error);
    if (record == TERMINATE_RECORD_TYPE) throw_damaged(file, D_GIF_ERR_NO_IMAG_DSCR);
    if (record == IMAGE_DESC_RECORD_TYPE) return transparent;
    int code = 0;
    GifByteType* extension = nullptr;
    int status = DGifGetExtension(gif, &code, &extension);
    while (status == GIF_OK && extension != nullptr) {
      if (code == GRAPHICS_EXT_FUNC_CODE) transparent = transparent_color(extension);
      status = DGifGetExtensionNext(gif, &extension);
    }
    if (status != GIF_OK) throw_damaged(file, gif->Error);
  }
}

/// Red, green and blue by index; like Pillow, treats indices beyond the table as grey levels.
std::array<std::array<std::uint8_t, 3>, 256> colors_of(const GifFileType& gif) {
  std::array<std::array<std::uint8_t, 3>, 256> colors{};
  for (std::size_t i = 0; i < colors.size(); ++i) colors[i].fill(static_cast<std::uint8_t>(i));
  const ColorMapObject* map = gif.Image.ColorMap != nullptr ? gif.Image.ColorMap : gif.SColorMap;
  for (int i = 0; map != nullptr && i < map->ColorCount; ++i) {
    colors[i] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue};
  }
  return colors;
}

/// The order of the rows of a frame.
std::vector<int> row_order(int rows, bool interlaced) {
  std::vector<int> order;
  if (!interlaced) {
    for (int row = 0; row < rows; ++row) order.push_back(row);
    return order;
  }
  constexpr std::array<std::array<int, 2>, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  for (const auto& [first, step] : kPasses) {
    for (int row = first; row < rows; row += step) order.push_back(row);
  }
  return order;
}

}  // namespace

bool is_gif(std::string_view bytes) {
  return bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a");
}

Image decode_gif(std::string_view bytes, const std::string& file) {
  int error = 0;
  const Gif gif(DGifOpen(&bytes, read_bytes, &error));
  if (!gif) throw_damaged(file, error);
  const int transparent = find_picture(gif.get(), file);
  if (DGifGetImageDesc(gif.get()) != GIF_OK) throw_damaged(file, gif->Error);
  const GifImageDesc& frame = gif->Image;
  const int height = std::max(gif->SHeight, frame.Top + frame.Height);
  const int width = std::max(gif->SWidth, frame.Left + frame.Width);
  require_sane_size(height, width, file);
  require_sane_size(frame.Height, frame.Width, file);
  const auto colors = colors_of(*gif);
  Image image{height, width, {}};
  const auto& around = colors[transparent < 0 ? 0 : transparent];
  for (std::int64_t i = 0; i < std::int64_t{height} * width; ++i) {
    image.rgb.insert(image.rgb.end(), around.begin(), around.end());
  }
  std::vector<GifByteType> line(static_cast<std::size_t>(frame.Width));
  for (const int row : row_order(frame.Height, frame.Interlace)) {
    if (DGifGetLine(gif.get(), line.data(), frame.Width) != GIF_OK) throw_damaged(file, gif->Error);
    auto out = image.rgb.begin() + 3 * (std::int64_t{frame.Top + row} * width + frame.Left);
    for (const GifByteType index : line) {
      out = std::copy(colors[index].begin(), colors[index].end(), out);
    }
  }
  return image;
}

}  // namespace clipq
