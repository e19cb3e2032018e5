// The chain one value at a time: the oracle. Only tanh, sigmoid, exp and log are shared with the
// other variants, because their exact bits are defined by their sequence of operations
// (simd/math.h); tests hold that sequence against libm.
#include <cmath>

#include "simd/scalar.h"

#include "kernels/epilogue/epilogue.h"
#include "simd/math.h"

namespace bitplane {
namespace reference {

namespace {

// Where pixel p, channel c reads an operand of a step.
int64_t operandAt(const ChainStep& s, const ChainView& chain, int64_t p, int64_t c) {
  const int64_t pitch = s.pitch > 0 ? s.pitch : chain.channels;
  switch (s.kind) {
    case OperandKind::channel:
      return c;
    case OperandKind::tensor:
      return p * pitch + c % pitch;
    case OperandKind::image_channel:
      return p / chain.hw * chain.channels + c;
    case OperandKind::pixel:
      return p;
    default:
      return 0;
  }
}

void runChain(const ChainView& chain, const Buffers& buffers, float* block, int64_t ld,
              int64_t pixel, int rows, int c0, int cn) {
  const int64_t channels = chain.channels;
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < cn; i++) {
      const int64_t p = pixel + r;
      const int64_t c = c0 + i;
      float v = block[r * ld + i];
      for (int k = 0; k < chain.length; k++) {
        const ChainStep& s = chain.steps[k];
        const int64_t pitch = s.pitch > 0 ? s.pitch : channels;
        float b = 0, second = 0;
        // A store's buffer is a target, and multithreshold's is a table: neither is read as an
        // operand.
        const bool stores =
            s.op == ChainOp::store_f32 || s.op == ChainOp::store_i32 || s.op == ChainOp::store_bits;
        const bool reads = !stores && s.op != ChainOp::multithreshold;
        if (reads && s.buffer >= 0) b = buffers.get<float>(s.buffer)[operandAt(s, chain, p, c)];
        if (reads && s.second >= 0)
          second = buffers.get<float>(s.second)[operandAt(s, chain, p, c)];
        switch (s.op) {
          case ChainOp::add:
            v = v + b;
            break;
          case ChainOp::sub:
            v = v - b;
            break;
          case ChainOp::rsub:
            v = b - v;
            break;
          case ChainOp::mul:
            v = v * b;
            break;
          case ChainOp::div:
            v = v / b;
            break;
          case ChainOp::rdiv:
            v = b / v;
            break;
          case ChainOp::max:
            v = b != b || v < b ? b : v;
            break;
          case ChainOp::min:
            v = b != b || b < v ? b : v;
            break;
          case ChainOp::prelu:
            v = v < 0 ? v * b : v;
            break;
          case ChainOp::submul:
            v = v - b;
            v = v * second;
            break;
          case ChainOp::relu:
            v = v < 0 ? 0 : v;
            break;
          case ChainOp::leaky:
            v = v < 0 ? v * s.a : v;
            break;
          case ChainOp::clip:
            v = v < s.a ? s.a : (s.b < v ? s.b : v);
            break;
          case ChainOp::tanh:
            v = scalar::hyperbolicTangent(scalar::set1(v))[0];
            break;
          case ChainOp::sigmoid:
            v = scalar::logistic(scalar::set1(v))[0];
            break;
          case ChainOp::exp:
            v = scalar::exponential(scalar::set1(v))[0];
            break;
          case ChainOp::log:
            v = scalar::logarithm(scalar::set1(v))[0];
            break;
          case ChainOp::abs:
            v = std::fabs(v);
            break;
          case ChainOp::neg:
            v = -v;
            break;
          case ChainOp::sqrt:
            v = std::sqrt(v);
            break;
          case ChainOp::floor:
            v = std::floor(v);
            break;
          case ChainOp::ceil:
            v = std::ceil(v);
            break;
          case ChainOp::round:
            v = std::nearbyint(v);
            break;
          case ChainOp::signum:
            v = v < 0 ? -1.0f : (v > 0 ? 1.0f : v);
            break;
          case ChainOp::multithreshold: {
            int reached = 0;
            for (int t = 0; t < s.count; t++)
              reached += v >= buffers.get<float>(s.buffer)[t * channels + c];
            v = s.a * static_cast<float>(reached) + s.b;
            break;
          }
          case ChainOp::store_f32:
            buffers.get<float>(s.buffer)[p * pitch + s.first + c] = v;
            break;
          case ChainOp::store_i32: {
            int32_t whole = 0;
            if (v >= 2147483648.0f)
              whole = INT32_MAX;
            else if (v < -2147483648.0f)
              whole = INT32_MIN;
            else if (v == v)
              whole = static_cast<int32_t>(v);
            buffers.get<int32_t>(s.buffer)[p * pitch + s.first + c] = whole;
            break;
          }
          case ChainOp::store_bits: {
            uint64_t& word = buffers.get<uint64_t>(
                s.buffer)[p * bitWords(static_cast<int>(pitch)) + (s.first + c) / 64];
            if (c % 64 == 0) word = 0;
            word |= static_cast<uint64_t>(v < 0) << (c % 64);
            break;
          }
        }
      }
    }
  }
}

}  // namespace

ChainFn chooseChain(const ChainStep*, int, int) { return runChain; }

}  // namespace reference
}  // namespace bitplane
