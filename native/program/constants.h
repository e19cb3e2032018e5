// The constants of a session, shared by its programs: bytes as they came, and every packed form
// that a kernel asked for. Functions that need memory throw std::bad_alloc and change nothing then.
// Used on the JavaScript thread only, while programs are built. Not here: the packings themselves
// (each kernel's own).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "kernels/step.h"

namespace bitplane {

class Constants {
 public:
  // Fetches the bytes of a constant by calling load(); false if its file can no longer be read.
  using Loader = std::function<bool(int index)>;
  void setLoader(Loader loader) { loader_ = std::move(loader); }
  // One more constant of so many bytes, fetched when first needed.
  void add(size_t size) { entries_.push_back({nullptr, size}); }
  // Forgets all but the first `count`, of which nothing may have been packed.
  void shrink(int count) { entries_.resize(static_cast<size_t>(count)); }
  void clear() {
    entries_.clear();
    packed_.clear();
    packedBytes_ = 0;
  }
  size_t size(int index) const { return entries_[index].size; }
  bool ensure(int index) { return has(index) || (loader_ && loader_(index) && has(index)); }
  // Memory for the bytes of a constant, for a loader to fill.
  void* allocate(int index) {
    entries_[index].block = std::make_shared<Block>(entries_[index].size);
    return entries_[index].block->data();
  }
  bool has(int index) const { return entries_[index].block != nullptr; }
  // Forgets bytes that only packings read; programs that use them as they are hold them on.
  void drop(int index) { entries_[index].block.reset(); }
  int count() const { return static_cast<int>(entries_.size()); }
  const std::shared_ptr<Block>& block(int index) const { return entries_[index].block; }

  std::shared_ptr<const void> packed(int index, const char* key, size_t bytes,
                                     BuildContext::Packer make, const void* how) {
    std::shared_ptr<Block>& entry = packed_[{index, key}];
    if (entry == nullptr) {
      if (!ensure(index)) return nullptr;
      entry = std::make_shared<Block>(bytes);
      make(entries_[index].block->data(), entry->data(), how);
      packedBytes_ += bytes;
    }
    return std::shared_ptr<const void>(entry, entry->data());
  }
  // Whether a kernel has packed it already, in whatever way.
  bool isPacked(int index) const {
    const auto next = packed_.lower_bound({index, std::string()});
    return next != packed_.end() && next->first.first == index;
  }
  size_t packedBytes() const { return packedBytes_; }

 private:
  struct Entry {
    std::shared_ptr<Block> block;  // null while its bytes are not in memory
    size_t size;
  };
  std::vector<Entry> entries_;
  Loader loader_;
  std::map<std::pair<int, std::string>, std::shared_ptr<Block>> packed_;
  size_t packedBytes_ = 0;
};

}  // namespace bitplane
