#include "clipq/data/opencv_settings.h"

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>

namespace clipq {

void quiet_single_threaded_opencv() {
  cv::setNumThreads(1);
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
}

}  // namespace clipq
