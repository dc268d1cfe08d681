#pragma once

namespace clipq {

/// For programs that own their process: OpenCV runs on the calling thread only (images are decoded
/// in several threads already) and logs nothing (failures become our own errors).
void quiet_single_threaded_opencv();

}  // namespace clipq
