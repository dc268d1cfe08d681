#pragma once

// What programs that use the library include.
#include "clipq/core/error.h"
#include "clipq/core/log_sink.h"
#include "clipq/core/setting.h"
#include "clipq/data/image.h"
#include "clipq/library/embedder.h"
#include "clipq/library/quantize_checkpoint.h"
