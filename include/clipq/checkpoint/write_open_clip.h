#pragma once

#include "clipq/checkpoint/written_document.h"
#include "clipq/data/preprocess.h"
#include "clipq/model/clip_config.h"

namespace clipq {

/// open_clip's configuration of a model, which is Immich's config.json: `embed_dim`, `vision_cfg`
/// and `text_cfg`, as far as the towers are there. It says nothing of how texts are cleaned:
/// Immich's own `clean` deletes underscores, where open_clip's makes them blanks, as tokenizer.json
/// does.
WrittenDocument open_clip_config(const ClipConfig& config);

/// open_clip's `preprocess_cfg`, which is Immich's preprocess_cfg.json. Throws UsageError if images
/// are padded, which Immich doesn't do.
WrittenDocument immich_preprocess(const Preprocess& preprocess);

}  // namespace clipq
