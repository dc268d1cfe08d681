#pragma once

#include <memory>
#include <utility>

namespace clipq {

/// Holds an object of a class derived from T as a value: a copy has an object of its own, made by
/// T::clone(), and a const holder gives const access. Empty when default-constructed or moved from.
template <typename T>
class Cloned {
 public:
  Cloned() = default;
  template <typename Derived>
  Cloned(std::unique_ptr<Derived> object) : object_(std::move(object)) {}  // NOLINT: converts
  Cloned(const Cloned& other) : object_(other.object_ ? other.object_->clone() : nullptr) {}
  Cloned(Cloned&&) noexcept = default;
  Cloned& operator=(Cloned other) noexcept {
    object_ = std::move(other.object_);
    return *this;
  }
  ~Cloned() = default;

  T& operator*() { return *object_; }
  const T& operator*() const { return *object_; }
  T* operator->() { return object_.get(); }
  const T* operator->() const { return object_.get(); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  std::unique_ptr<T> object_;
};

}  // namespace clipq
