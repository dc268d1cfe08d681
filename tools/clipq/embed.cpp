#include <iostream>

#include "clipq/app/embed_command.h"
#include "clipq/app/embed_shards.h"
#include "clipq/core/error.h"
#include "clipq/data/most_items.h"
#include "clipq/data/shards.h"
#include "number_checks.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

/// What the command line gives.
struct EmbedArguments {
  EmbedOptions options;
  ShardOptions shards;
  std::string images;
  std::string texts;
  std::string dtype = embedding_formats().front();
  std::string metadata;
  ModelArguments model;

  bool has_shards() const {
    return shards.shard_size > 0 || names_tar_shards(images) || names_tar_shards(texts);
  }
};

void add_shard_options(CLI::App& command, EmbedArguments& arguments) {
  const std::string group = "Shards";
  ShardOptions& shards = arguments.shards;
  const auto add = [&](const std::string& names, auto& value, const std::string& help) {
    return command.add_option(names, value, help)->group(group);
  };
  add("--shard-size", shards.shard_size, "split a folder of images into shards of so many images")
      ->check(whole_number(1, kMostItems));
  add("--shard", shards.share,
      "process shards I, I+N, I+2N, … (default: from the launcher's environment variables)")
      ->type_name("I/N");
  command
      .add_flag("--resume", shards.resume,
                "continue: skip the shards that are complete in the output folder")
      ->group(group);
  add("--metadata", arguments.metadata,
      cat("how keys and captions are stored (default: as the output folder has them; in a new one ",
          name_of(default_metadata_format()), ")"))
      ->type_name(cat("{", join(metadata_formats(), ","), "}"));
}

void require_no_shard_options(const EmbedArguments& arguments) {
  const ShardOptions& shards = arguments.shards;
  if (!shards.resume && shards.share.empty() && !shards.metadata) return;
  throw UsageError(
      "embed: --resume, --shard and --metadata are for shards: pass --images wds:PATTERN, or "
      "--shard-size");
}

void print_shards(const Json& done) {
  std::cout << done["folder"].get<std::string>() << ": " << done["embedded"] << " of "
            << done["shards"] << " shards embedded, " << done["rows"] << " rows";
  if (done["complete_before"] != 0) std::cout << "; the others were complete";
  std::cout << "\n";
}

void print_rows(const EmbedOptions& options, const Json& written) {
  std::cout << "wrote " << options.output.string() << ": " << name_of(options.format) << " "
            << written["shape"].dump() << (options.normalize ? ", normalized" : "")
            << "; the names of the rows are in " << written["names"].get<std::string>() << "\n";
}

void run(EmbedArguments& arguments, const CommonOptions& common) {
  EmbedOptions& options = arguments.options;
  options.model = arguments.model.options();
  options.decode_threads = decode_threads(common);
  options.format = parse_embedding_format(arguments.dtype, "--dtype");
  if (!arguments.metadata.empty()) {
    arguments.shards.metadata = parse_metadata_format(arguments.metadata, "--metadata");
  }
  const bool has_shards = arguments.has_shards();
  Json done;
  if (has_shards) {
    arguments.shards.images = dataset_spec(arguments.images);
    arguments.shards.texts = dataset_spec(arguments.texts);
    done = embed_shards(options, arguments.shards);
  } else {
    require_no_shard_options(arguments);
    options.images = arguments.images;
    options.texts = arguments.texts;
    done = embed(options);
  }
  if (common.json) {
    std::cout << json_text(done);
  } else if (has_shards) {
    print_shards(done);
  } else {
    print_rows(options, done);
  }
}

}  // namespace

void add_embed(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand("embed", "write embeddings of images or texts as .npy");
  auto arguments = std::make_shared<EmbedArguments>();
  EmbedOptions& options = arguments->options;
  add_models_argument(*command, "model", options.model_file, "checkpoint or artifact");
  command
      ->add_option(
          "--images", arguments->images,
          "folder of images or KIND:PATH; tar shards (wds:PATTERN) are written to a folder")
      ->type_name(kFolderType);
  command
      ->add_option("--texts", arguments->texts,
                   "file with one text per line, - reads standard input; or the captions in "
                   "wds:PATTERN")
      ->type_name(kFileType);
  command->add_flag("--normalize", options.normalize, "scale every row to length 1");
  command->add_option("--dtype", arguments->dtype, "data type of the stored embeddings")
      ->type_name(cat("{", join(embedding_formats(), ","), "}"))
      ->capture_default_str();
  command
      ->add_option("--dimensions", options.dimensions,
                   "store only the first N dimensions, for models that are trained for it")
      ->check(whole_number(1, kMostItems));
  add_feeding_options(*command, options.batch_size, options.skip_bad);
  command
      ->add_option("-o,--output", options.output,
                   "embeddings [n, embed_dim] (.npy); the names of the rows are written next to it "
                   "(.txt). Of shards, a folder: img_emb/, text_emb/, metadata/, stats/")
      ->type_name(kFileType)
      ->required();
  add_shard_options(*command, *arguments);
  add_model_arguments(*command, arguments->model);
  add_checkpoint_settings(*command, arguments->model);
  command->callback([arguments, &common] { run(*arguments, common); });
}

}  // namespace clipq::cli
