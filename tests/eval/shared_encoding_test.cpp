#include <gmock/gmock.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/eval/encode.h"
#include "greys.h"
#include "tiny_clip.h"

namespace clipq {
namespace {

using testing::Greys;
using ::testing::HasSubstr;

/// What the processes of a test have given, which are threads here.
class Board {
 public:
  void put(const std::string& key, const std::string& value) {
    const std::scoped_lock lock(mutex_);
    values_[key] = value;
    changed_.notify_all();
  }

  std::string wait_for(const std::string& key) {
    std::unique_lock lock(mutex_);
    const bool there =
        changed_.wait_for(lock, std::chrono::seconds(20), [&] { return values_.count(key) > 0; });
    return there ? values_[key] : throw InputError("nobody has given " + key);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> values_;
};

class Threads final : public RankExchange {
 public:
  Threads(Board& board, std::int64_t rank, std::int64_t count)
      : board_(board), rank_(rank), count_(count) {}

  std::int64_t rank() const override { return rank_; }
  std::int64_t count() const override { return count_; }

  std::vector<std::string> exchange(const std::string& key, const std::string& own) const override {
    board_.put(cat(key, " ", rank_), own);
    std::vector<std::string> all;
    for (std::int64_t rank = 0; rank < count_; ++rank) {
      all.push_back(board_.wait_for(cat(key, " ", rank)));
    }
    return all;
  }

  void gather(const std::string& key, std::string_view own,
              const std::function<void(std::string_view)>& take) const override {
    board_.put(cat(key, " ", rank_), std::string(own));
    for (std::int64_t rank = 0; rank_ == 0 && rank < count_; ++rank) {
      take(board_.wait_for(cat(key, " ", rank)));
    }
  }

  void leave() const override {}

 private:
  Board& board_;
  std::int64_t rank_;
  std::int64_t count_;
};

/// Calls work(ranks) in a thread for each rank; returns what each of them has thrown.
template <typename Work>
std::vector<std::string> on_ranks(std::int64_t count, const Work& work) {
  Board board;
  std::vector<std::string> errors(count);
  std::vector<std::thread> threads;
  for (std::int64_t rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(Threads(board, rank, count));
      } catch (const Error& failure) {
        errors[rank] = failure.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

class SharedEncoding : public ::testing::TestWithParam<std::int64_t> {
 protected:
  static ClipModel model_for(const Tokenizer& tokenizer) {
    ClipConfig config = testing::tiny_config();
    config.text->vocab_size = tokenizer.vocabulary_size();
    Preprocess preprocess;
    preprocess.size = static_cast<int>(config.image->resolution);
    return build_model(config, preprocess, testing::random_state(config), "tiny");
  }

  Encoder encoder(const RankExchange* ranks, std::int64_t skip_bad = 0) const {
    return Encoder({{&model_, &tokenizer_, "model", "weights"}},
                   {.batch_size = 3, .skip_bad = skip_bad, .ranks = ranks});
  }

  Tokenizer tokenizer_ = Tokenizer::from_merges("#version\nr e\nre d</w>\n", "merges");
  ClipModel model_ = model_for(tokenizer_);
};

TEST_P(SharedEncoding, GivesRank0TheRowsOfOneProcess) {
  const Greys greys({1, 7});
  const ImageSource source = {greys, greys.size(), content_hash(greys, greys.size())};
  const std::vector<std::string> words = {"a", "b", "a b", "c", "a", "d e f", "g", "h"};
  const ImageFeatures images = encoder(nullptr, 2).images(source);
  const at::Tensor texts = encoder(nullptr).texts(words).front();
  const auto errors = on_ranks(GetParam(), [&](const RankExchange& ranks) {
    const ImageFeatures shared = encoder(&ranks, 2).images(source);
    EXPECT_EQ(shared.items, images.items);
    EXPECT_EQ(shared.skipped, images.skipped);
    const at::Tensor own_texts = encoder(&ranks).texts(words).front();
    EXPECT_EQ(shared.rows.front().defined(), ranks.rank() == 0);
    EXPECT_EQ(own_texts.defined(), ranks.rank() == 0);
    if (ranks.rank() > 0) return;
    EXPECT_TRUE(shared.rows.front().equal(images.rows.front()));
    EXPECT_TRUE(own_texts.equal(texts));
  });
  EXPECT_THAT(errors, ::testing::Each(""));
}

TEST_P(SharedEncoding, AllLearnOfTooManyBadPictures) {
  const Greys greys({1, 7});
  const auto errors = on_ranks(GetParam(), [&](const RankExchange& ranks) {
    encoder(&ranks, 1).images({greys, greys.size(), {}});
  });
  EXPECT_THAT(errors, ::testing::Each(HasSubstr("2 of 10 images can't be decoded (1 allowed): "
                                                "grey1.png, grey7.png")));
}

TEST_P(SharedEncoding, AllLearnThatTheyDiffer) {
  const Greys greys;
  const auto errors = on_ranks(GetParam(), [&](const RankExchange& ranks) {
    encoder(&ranks).images({greys, greys.size() - ranks.rank(), {}});
  });
  const std::string difference = "don't evaluate the same: they differ in number of images";
  EXPECT_THAT(errors, ::testing::Each(HasSubstr(GetParam() == 1 ? "" : difference)));
}

INSTANTIATE_TEST_SUITE_P(Ranks, SharedEncoding, ::testing::Values(1, 2, 3, 6));

}  // namespace
}  // namespace clipq
