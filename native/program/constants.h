// The constants of a session, shared by its programs: bytes as they came, and every packed form that a kernel asked for.
// Used on the JavaScript thread only, while programs are built. Not here: the packings themselves (each kernel's own).
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
  // Fetches the bytes of a constant by calling load(); false if they are to be had no more.
  using Loader = std::function<bool(int index)>;
  void setLoader(Loader loader) { loader_ = std::move(loader); }
  // One more constant of so many bytes, fetched when first needed.
  void reserve(size_t size) {
    blocks_.emplace_back();
    sizes_.push_back(size);
  }
  size_t size(int index) const { return sizes_[index]; }
  bool ensure(int index) { return has(index) || (loader_ && loader_(index) && has(index)); }
  // Memory for the bytes of a constant, for a loader to fill; null if the system has none.
  void* allocate(int index) {
    blocks_[index] = std::make_shared<Block>(sizes_[index]);
    return blocks_[index]->data();
  }
  bool has(int index) const { return blocks_[index] != nullptr && blocks_[index]->data() != nullptr; }
  // Forgets bytes that only packings read; programs that use them as they are hold them on.
  void drop(int index) { blocks_[index].reset(); }
  int count() const { return static_cast<int>(blocks_.size()); }
  const std::shared_ptr<Block>& block(int index) const { return blocks_[index]; }

  std::shared_ptr<const void> packed(int index, const char* key, size_t bytes, BuildContext::Packer make, const void* how) {
    std::shared_ptr<Block>& entry = packed_[{index, key}];
    if (entry == nullptr) {
      if (!ensure(index)) return nullptr;
      entry = std::make_shared<Block>(bytes);
      make(blocks_[index]->data(), entry->data(), how);
      packedBytes_ += bytes;
    }
    return std::shared_ptr<const void>(entry, entry->data());
  }
  size_t packedBytes() const { return packedBytes_; }

 private:
  std::vector<std::shared_ptr<Block>> blocks_;
  std::vector<size_t> sizes_;
  Loader loader_;
  std::map<std::pair<int, std::string>, std::shared_ptr<Block>> packed_;
  size_t packedBytes_ = 0;
};

}  // namespace bitplane
