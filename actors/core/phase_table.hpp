#pragma once

#include "messages/execution.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace aeo::core {

/// The phases' states by phase_index. A copy costs next to nothing: copies share what neither has
/// changed since, so that the state of a large plan can be saved and reported while it goes on.
/// A copy may be read by another thread while this one is changed.
class phase_table {
public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void resize(std::size_t count) {
    while (size_ > count)
      pop_back();
    while (size_ < count)
      emplace_back();
  }
  phase_state& emplace_back() {
    if (size_ % block_size == 0)
      blocks_.push_back(std::make_shared<block>());
    ++size_;
    return own(size_ - 1).emplace_back();
  }

  const phase_state& operator[](std::size_t i) const {
    return (*blocks_[i / block_size])[i % block_size];
  }
  /// For a change; what only reads asks a const table.
  phase_state& operator[](std::size_t i) { return own(i)[i % block_size]; }

  template <class Table>
  class basic_iterator {
  public:
    using difference_type = std::ptrdiff_t;
    using value_type = phase_state;
    using reference = decltype(std::declval<Table&>()[0]);
    using pointer = std::remove_reference_t<reference>*;
    using iterator_category = std::forward_iterator_tag;

    basic_iterator() = default;
    basic_iterator(Table* table, std::size_t i) : table_(table), i_(i) {}
    reference operator*() const { return (*table_)[i_]; }
    pointer operator->() const { return &**this; }
    basic_iterator& operator++() {
      ++i_;
      return *this;
    }
    basic_iterator operator++(int) {
      auto before = *this;
      ++i_;
      return before;
    }
    bool operator==(const basic_iterator&) const = default;

  private:
    Table* table_ = nullptr;
    std::size_t i_ = 0;
  };
  using iterator = basic_iterator<phase_table>;
  using const_iterator = basic_iterator<const phase_table>;
  const_iterator begin() const { return {this, 0}; }
  const_iterator end() const { return {this, size_}; }
  iterator begin() { return {this, 0}; }
  iterator end() { return {this, size_}; }

  bool operator==(const phase_table& other) const {
    return size_ == other.size_ && std::equal(begin(), end(), other.begin());
  }

private:
  static constexpr std::size_t block_size = 64;
  using block = std::vector<phase_state>;

  void pop_back() {
    --size_;
    own(size_).pop_back();
    if (size_ % block_size == 0)
      blocks_.pop_back();
  }

  block& own(std::size_t i) {
    auto& shared = blocks_[i / block_size];
    if (shared.use_count() != 1)
      shared = std::make_shared<block>(*shared);
    else // Whoever shared it has finished reading.
      std::atomic_thread_fence(std::memory_order_acquire);
    return *shared;
  }

  std::vector<std::shared_ptr<block>> blocks_;
  std::size_t size_ = 0;
};

} // namespace aeo::core
