// Weights in the form that a kernel reads, from both sides: how a kernel packs those that a run
// computes (for the instruction `pack`), and where a step finds its own. Not here: any layout,
// constants (BuildContext::packed packs them once).
#pragma once
#include <memory>

#include "kernels/step.h"

namespace bitplane {

// One layout of one layer's weights. Unpacked weights lie as values do in memory: floats in
// o,kh,kw,c/g order, or bits whose every tap starts a 64-bit word.
class WeightPacking {
 public:
  virtual ~WeightPacking() = default;
  // Of the packed form.
  virtual size_t bytes() const = 0;
  // Independent pieces.
  virtual int parts() const = 0;
  // Writes every byte of piece `part` of the packed form.
  virtual void pack(int part, const void* weights, void* packed) const = 0;
};

// Packed weights as a step keeps them: a constant's, or the number of the buffer that a `pack`
// instruction has filled by the time the step runs.
class PackedWeights {
 public:
  PackedWeights() = default;
  explicit PackedWeights(std::shared_ptr<const void> constant) : constant_(std::move(constant)) {}
  explicit PackedWeights(int buffer) : buffer_(buffer) {}
  // The form that `make` gives, of so many bytes; empty where it cannot be had.
  static PackedWeights of(int buffer, const char* key, size_t bytes, BuildContext::Packer make,
                          const void* how, BuildContext& context) {
    if (!context.isPacked(buffer))
      return PackedWeights(context.packed(buffer, key, bytes, make, how));
    return context.bufferBytes(buffer) < bytes ? PackedWeights() : PackedWeights(buffer);
  }
  bool empty() const { return constant_ == nullptr && buffer_ < 0; }
  template <typename T>
  const T* at(const Buffers& buffers) const {
    return constant_ ? static_cast<const T*>(constant_.get()) : buffers.get<const T>(buffer_);
  }

 private:
  std::shared_ptr<const void> constant_;
  int buffer_ = -1;
};

}  // namespace bitplane
