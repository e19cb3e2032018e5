// Binary convolution in plain C++ for any CPU: 64-bit words, four output channels at a time, a
// popcount made of shifts and adds. Not here: any instruction set.
#include "kernels/bconv/kernel.h"
#include "simd/byte_counts.h"

namespace bitplane {
namespace bconv {
namespace scalar {
namespace {

constexpr int kLanes = 4;

// Popcounts of one window against four output channels.
void count(const Segment& s, int64_t row, int lane, int32_t (&counts)[kLanes]) {
  const uint64_t* weights = reinterpret_cast<const uint64_t*>(s.weights) + lane;
  for (int i = 0; i < kLanes; ++i) counts[i] = 0;
  const uint8_t* x = s.input + s.pixels[row].input;
  for (int64_t done = 0; done < s.words; done += kByteCountWords) {
    const int64_t end = s.words - done < kByteCountWords ? s.words : done + kByteCountWords;
    uint64_t fields[kLanes] = {};
    for (int64_t word = done; word < end; ++word, weights += s.lanes) {
      const uint64_t bits = *reinterpret_cast<const uint64_t*>(x + s.offsets[word]);
      for (int i = 0; i < kLanes; ++i) fields[i] += byteCounts(bits ^ weights[i]);
    }
    for (int i = 0; i < kLanes; ++i) counts[i] += sumBytes(fields[i]);
  }
}

void bits(const Segment& s) {
  for (int64_t row = 0; row < s.pixelCount; ++row) {
    const int32_t* threshold =
        reinterpret_cast<const int32_t*>(s.thresholds) + s.pixels[row].border * 64;
    uint64_t word = 0;
    for (int lane = 0; lane < s.lanes; lane += kLanes) {
      int32_t counts[kLanes];
      count(s, row, lane, counts);
      for (int i = 0; i < kLanes; ++i)
        word |= static_cast<uint64_t>(counts[i] > threshold[lane + i]) << (lane + i);
    }
    s.y[row * s.yStride] = word ^ s.flip;
  }
}

template <typename T>
void values(const Segment& s) {
  for (int64_t row = 0; row < s.pixelCount; ++row) {
    const int32_t* base = s.base + s.pixels[row].border * s.baseStride;
    T* block = static_cast<T*>(s.block) + row * s.blockStride;
    for (int lane = 0; lane < s.lanes; lane += kLanes) {
      int32_t counts[kLanes];
      count(s, row, lane, counts);
      for (int i = 0; i < kLanes; ++i)
        block[lane + i] = static_cast<T>(base[lane + i] - 2 * counts[i]);
    }
  }
}

// [position][lane] 64-bit words.
void pack(uint8_t* packed, int64_t position, int64_t, int lane, int lanes, uint64_t word) {
  reinterpret_cast<uint64_t*>(packed)[position * lanes + lane] = word;
}

void packThresholds(const int32_t* natural, uint8_t* packed) {
  for (int i = 0; i < 64; ++i) reinterpret_cast<int32_t*>(packed)[i] = natural[i];
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {kLanes,
                       8,
                       1,
                       false,
                       int64_t{1} << 30,
                       256,
                       nullptr,
                       pack,
                       packThresholds,
                       bits,
                       values<int32_t>,
                       values<float>};

}  // namespace scalar
}  // namespace bconv
}  // namespace bitplane
