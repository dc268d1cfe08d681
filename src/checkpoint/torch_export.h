#pragma once

#include <filesystem>

#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/core/zip_archive.h"

namespace clipq {

/// Whether the archive is what torch.export.save writes, of this or an older layout.
bool is_torch_export(const ZipArchive& zip);

/// Reads the weights of a program that torch.export.save wrote (.pt2): parameters and persistent
/// buffers, named as in the module's state dict. Its extra files are documents. Throws InputError,
/// also for older layouts and for weights that are pickled.
CheckpointContents read_torch_export(const std::filesystem::path& file);

}  // namespace clipq
