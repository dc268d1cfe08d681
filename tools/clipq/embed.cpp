#include <iostream>

#include "clipq/app/embed_command.h"
#include "subcommands.h"

namespace clipq::cli {

void add_embed(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand("embed", "write embeddings of images or texts as .npy");
  auto options = std::make_shared<EmbedOptions>();
  auto model = std::make_shared<ModelArguments>();
  add_models_argument(*command, "model", options->model_file, "checkpoint or artifact");
  auto* images =
      command->add_option("--images", options->images, "folder of images")->type_name(kFolderType);
  command
      ->add_option("--texts", options->texts, "file with one text per line; - reads standard input")
      ->type_name(kFileType)
      ->excludes(images);
  command->add_flag("--normalize", options->normalize, "scale every row to length 1");
  add_feeding_options(*command, options->batch_size, options->skip_bad);
  command
      ->add_option(
          "-o,--output", options->output,
          "float32 [n, embed_dim] (.npy); the names of the rows are written next to it (.txt)")
      ->type_name(kFileType)
      ->required();
  add_model_arguments(*command, *model);
  add_checkpoint_settings(*command, *model);
  command->callback([options, model, &common] {
    options->model = model->options();
    options->decode_threads = decode_threads(common);
    const Json written = embed(*options);
    if (common.json) {
      std::cout << json_text(written);
    } else {
      std::cout << "wrote " << options->output.string() << ": float32 " << written["shape"].dump()
                << (options->normalize ? ", normalized" : "") << "; the names of the rows are in "
                << written["names"].get<std::string>() << "\n";
    }
  });
}

}  // namespace clipq::cli
