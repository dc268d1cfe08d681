#pragma once

#include <string>

#include "clipq/data/image.h"

namespace clipq {

/// The picture as a JPEG file whose longer side has `side` pixels, or its own if it is smaller.
std::string jpeg_thumbnail(const Image& image, int side);

}  // namespace clipq
