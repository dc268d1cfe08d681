#include "clipq/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "clipq/core/error.h"

namespace clipq {
namespace {

constexpr std::int64_t kBatchesAhead = 2;

/// A batch that workers are filling. Entries are handed out in order; `pending` counts those not
/// yet done.
struct Slot {
  PixelBatch batch;
  std::int64_t handed_out = 0;
  std::int64_t pending = 0;
  std::int64_t failed_entry = 0;
  std::exception_ptr failure;  ///< of the lowest entry that failed
};

}  // namespace

class Loader::Queue {
 public:
  Queue(const Dataset& dataset, std::vector<std::int64_t> indices,
        std::vector<Preprocess> preprocesses, const LoaderOptions& options)
      : dataset_(dataset),
        indices_(std::move(indices)),
        preprocesses_(std::move(preprocesses)),
        batch_size_(options.batch_size),
        needed_(needed_by(preprocesses_)),
        keeps_bad_(options.keeps_bad) {
    if (batch_size_ < 1) throw InternalError("Loader: the batch size must be at least 1");
    for (std::int64_t ahead = 0; ahead < kBatchesAhead; ++ahead) open_slot({});
    try {
      for (int i = 0; i < std::max(options.threads, 1); ++i)
        workers_.emplace_back([this] { work(); });
    } catch (...) {  // the system has no thread, or no memory for one
      stop();
      throw;
    }
  }

  ~Queue() { stop(); }

  bool next(PixelBatch& batch) {
    std::unique_lock lock(mutex_);
    if (slots_.empty()) return false;
    batch_done_.wait(lock, [this] { return slots_.front().pending == 0; });
    if (slots_.front().failure) std::rethrow_exception(slots_.front().failure);
    std::swap(batch, slots_.front().batch);
    std::vector<std::vector<float>> recycled = std::move(slots_.front().batch.pixels);
    slots_.pop_front();
    open_slot(std::move(recycled));
    lock.unlock();
    work_available_.notify_all();
    return true;
  }

 private:
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_available_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  /// Makes the next batch available to the workers, if there is one. `pixels` is memory to use.
  void open_slot(std::vector<std::vector<float>> pixels) {
    const std::int64_t count =
        std::min(batch_size_, static_cast<std::int64_t>(indices_.size()) - next_first_);
    if (count <= 0) return;
    pixels.resize(preprocesses_.size());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i].resize(count * item_floats(preprocesses_[i]));
    }
    Slot& slot = slots_.emplace_back();
    slot.batch = {next_first_, count, std::move(pixels), {}};
    slot.pending = count;
    next_first_ += count;
  }

  static std::int64_t item_floats(const Preprocess& preprocess) {
    return std::int64_t{3} * preprocess.size * preprocess.size;
  }

  /// The first slot with an entry that no worker has taken; null if there is none.
  Slot* slot_with_work() {
    const auto found = std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) {
      return slot.handed_out < slot.batch.count;
    });
    return found == slots_.end() ? nullptr : &*found;
  }

  bool all_handed_out() const { return next_first_ == static_cast<std::int64_t>(indices_.size()); }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      Slot* slot = nullptr;
      work_available_.wait(lock, [&] {
        slot = slot_with_work();
        return stopping_ || slot != nullptr || all_handed_out();
      });
      if (stopping_ || slot == nullptr) return;
      const std::int64_t entry = slot->handed_out++;
      lock.unlock();
      std::exception_ptr failure = fill(slot->batch, entry);
      lock.lock();
      if (failure && keeps_bad_) failure = keep(failure, entry, slot->batch);
      if (failure && (!slot->failure || entry < slot->failed_entry)) {
        slot->failure = std::move(failure);
        slot->failed_entry = entry;
      }
      if (--slot->pending == 0) batch_done_.notify_one();
    }
  }

  /// Writes one entry's pixels. A slot stays where it is until its last entry is done.
  std::exception_ptr fill(PixelBatch& batch, std::int64_t entry) const noexcept {
    try {
      const Image image = dataset_.image_part(indices_[batch.first + entry], needed_);
      for (std::size_t i = 0; i < preprocesses_.size(); ++i) {
        preprocess(image, preprocesses_[i],
                   batch.pixels[i].data() + entry * item_floats(preprocesses_[i]));
      }
      return nullptr;
    } catch (...) {
      return std::current_exception();
    }
  }

  /// Records an entry that can't be decoded; returns any other failure.
  static std::exception_ptr keep(const std::exception_ptr& failure, std::int64_t entry,
                                 PixelBatch& batch) {
    try {
      std::rethrow_exception(failure);
    } catch (const InputError& error) {
      const auto after =
          std::find_if(batch.bad.begin(), batch.bad.end(),
                       [entry](const BadEntry& bad) { return bad.position > entry; });
      batch.bad.insert(after, {entry, error.what()});
      return nullptr;
    } catch (...) {
      return failure;
    }
  }

  const Dataset& dataset_;
  const std::vector<std::int64_t> indices_;
  const std::vector<Preprocess> preprocesses_;
  const std::int64_t batch_size_;
  const NeededPixels needed_;
  const bool keeps_bad_;

  std::mutex mutex_;
  std::condition_variable work_available_;
  std::condition_variable batch_done_;
  std::deque<Slot> slots_;  ///< oldest first; push and pop at the ends move no other slot
  std::int64_t next_first_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

Loader::Loader(const Dataset& dataset, std::vector<std::int64_t> indices,
               std::vector<Preprocess> preprocesses, const LoaderOptions& options)
    : queue_(
          std::make_unique<Queue>(dataset, std::move(indices), std::move(preprocesses), options)) {}

Loader::~Loader() = default;

bool Loader::next(PixelBatch& batch) { return queue_->next(batch); }

}  // namespace clipq
