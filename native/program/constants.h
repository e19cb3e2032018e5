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
  // Fetches bytes of a constant by allocate() and arrived(): all that are missing, or one part of
  // some. False if they can no longer be read.
  using Loader = std::function<bool(int index, bool all)>;
  void setLoader(Loader loader) { loader_ = std::move(loader); }
  // One more constant of so many bytes, fetched when first needed.
  void add(size_t size) { entries_.push_back({nullptr, size, 0, nullptr}); }
  // Forgets all but the first `count`, of which nothing may have been packed.
  void shrink(int count) { entries_.resize(static_cast<size_t>(count)); }
  void clear() {
    entries_.clear();
    packed_.clear();
    packedBytes_ = 0;
  }
  size_t size(int index) const { return entries_[index].size; }
  bool ensure(int index) { return has(index) || (loader_ && loader_(index, true) && has(index)); }
  // A further part of it, so that fetching much takes no long time at once; nor does packing: most
  // of that would be the faults of fresh pages (some 2 ms for 9 MB, several times that in a virtual
  // machine), so they are taken here, part by part, if a packed form is about as large.
  bool fetchPart(int index) {
    if (has(index)) return true;
    const size_t before = arrived(index);
    if (!loader_ || !loader_(index, false)) return false;
    Entry& entry = entries_[index];
    if (entry.size < kLeastRoom) return true;
    if (entry.room == nullptr) entry.room = std::make_shared<Block>(entry.size);
    auto* bytes = static_cast<volatile char*>(entry.room->data());
    for (size_t at = before; at < entry.arrived; at += kPage) bytes[at] = 0;
    return true;
  }
  // Memory for the bytes of a constant, for a loader to fill from `arrived` on.
  void* allocate(int index) {
    Entry& entry = entries_[index];
    if (entry.block == nullptr) entry.block = std::make_shared<Block>(entry.size);
    return entry.block->data();
  }
  size_t arrived(int index) const { return entries_[index].arrived; }
  void arrive(int index, size_t bytes) { entries_[index].arrived += bytes; }
  bool has(int index) const {
    return entries_[index].block != nullptr && entries_[index].arrived == entries_[index].size;
  }
  // Forgets bytes that only packings read; programs that use them as they are hold them on.
  void drop(int index) {
    entries_[index].block.reset();
    entries_[index].room.reset();
    entries_[index].arrived = 0;
  }
  int count() const { return static_cast<int>(entries_.size()); }
  const std::shared_ptr<Block>& block(int index) const { return entries_[index].block; }

  std::shared_ptr<const void> packed(int index, const char* key, size_t bytes,
                                     BuildContext::Packer make, const void* how) {
    std::shared_ptr<Block>& entry = packed_[{index, key}];
    if (entry == nullptr) {
      if (!ensure(index)) return nullptr;
      entry = roomFor(index, bytes);
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
  static constexpr size_t kLeastRoom = size_t{1} << 20, kPage = 4096;
  std::shared_ptr<Block> roomFor(int index, size_t bytes) {
    std::shared_ptr<Block> room = std::move(entries_[index].room);
    const bool fits = room != nullptr && room->bytes() >= bytes && room->bytes() <= bytes / 8 * 9;
    return fits ? room : std::make_shared<Block>(bytes);
  }
  struct Entry {
    std::shared_ptr<Block> block;  // null while no bytes of it are in memory
    size_t size;
    size_t arrived;               // bytes that are
    std::shared_ptr<Block> room;  // for a packed form; null where none is ready
  };
  std::vector<Entry> entries_;
  Loader loader_;
  std::map<std::pair<int, std::string>, std::shared_ptr<Block>> packed_;
  size_t packedBytes_ = 0;
};

}  // namespace bitplane
