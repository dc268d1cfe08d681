#include "torch_save.h"

#include "clipq/checkpoint/pickle.h"
#include "clipq/core/zip_archive.h"
#include "pickled_state.h"
#include "torch_zip.h"

namespace clipq {

CheckpointContents read_torch_save(const std::filesystem::path& file) {
  const std::string where = file.string();
  const ZipArchive zip(file);
  const std::string folder = top_folder(zip);
  require_little_endian(zip, folder, where);
  const Pickle pickle(zip.read(folder + "data.pkl"), where + ": data.pkl");
  const ZipStorages storages(zip, folder + "data/");
  PickledTensors tensors(storages, where);
  CheckpointContents contents;
  contents.container = "torch.save file";
  contents.tensors = read_pickled_state(pickle.root(), tensors, where);
  zip.check_unread();
  return contents;
}

}  // namespace clipq
