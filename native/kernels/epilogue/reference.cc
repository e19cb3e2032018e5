// The epilogue one value at a time: the oracle. Only tanh, sigmoid, exp, log and erf are shared
// with the other variants, because their exact bits are defined by their sequence of operations
// (simd/math.h); tests hold that sequence against libm.
#include <cmath>

#include "simd/scalar.h"

#include "kernels/epilogue/epilogue.h"
#include "simd/math.h"

namespace bitplane {
namespace reference {

namespace {

// The element that pixel p, channel c reads of an operand of a step.
int64_t operandAt(const EpilogueStep& s, const EpilogueView& epilogue, int64_t p, int64_t c) {
  const int64_t pitch = s.pitch > 0 ? s.pitch : epilogue.channels;
  switch (s.kind) {
    case OperandKind::channel:
      return c;
    case OperandKind::tensor:
      return p * rowElements(s.type, pitch) + c % pitch;
    case OperandKind::image_channel:
      return p / epilogue.hw * rowElements(s.type, epilogue.channels) + c;
    case OperandKind::pixel:
      return p;
    default:
      return 0;
  }
}

float elementOf(const Buffers& buffers, int buffer, OperandType type, int64_t i) {
  switch (type) {
    case OperandType::i32:
      return static_cast<float>(buffers.get<int32_t>(buffer)[i]);
    case OperandType::i8:
      return buffers.get<int8_t>(buffer)[i];
    case OperandType::u8:
      return buffers.get<uint8_t>(buffer)[i];
    case OperandType::b1:
      return buffers.get<uint8_t>(buffer)[i / 8] >> (i % 8) & 1 ? -1.0f : 1.0f;
    default:
      return buffers.get<float>(buffer)[i];
  }
}

// Truncated toward zero, held within [least, most]; NaN gives 0.
int32_t wholeOf(float v, int32_t least, int32_t most) {
  if (v != v) return 0;
  const double whole = std::trunc(static_cast<double>(v));
  return whole < least ? least : (whole > most ? most : static_cast<int32_t>(whole));
}

void runEpilogue(const Piece&, const EpilogueView& epilogue, const Buffers& buffers,
                 const EpilogueBlock& block) {
  const int64_t channels = epilogue.channels;
  for (int r = 0; r < block.rows; r++) {
    for (int i = 0; i < block.cn; i++) {
      const int64_t p = block.pixel + r;
      const int64_t c = block.c0 + i;
      float v = block.values[r * block.ld + i];
      for (int k = 0; k < epilogue.length; k++) {
        const EpilogueStep& s = epilogue.steps[k];
        const int64_t pitch = s.pitch > 0 ? s.pitch : channels;
        float b = 0, second = 0;
        // A store's buffer is a target, and multithreshold's is a table: neither is read as an
        // operand.
        const bool reads = !isStore(s.op) && s.op != EpilogueOp::multithreshold;
        if (reads && s.buffer >= 0)
          b = elementOf(buffers, s.buffer, s.type, operandAt(s, epilogue, p, c));
        if (reads && s.second >= 0)
          second = elementOf(buffers, s.second, s.type, operandAt(s, epilogue, p, c));
        switch (s.op) {
          case EpilogueOp::add:
            v = v + b;
            break;
          case EpilogueOp::sub:
            v = v - b;
            break;
          case EpilogueOp::rsub:
            v = b - v;
            break;
          case EpilogueOp::mul:
            v = v * b;
            break;
          case EpilogueOp::div:
            v = v / b;
            break;
          case EpilogueOp::rdiv:
            v = b / v;
            break;
          case EpilogueOp::max:
            v = b != b || v < b ? b : v;
            break;
          case EpilogueOp::min:
            v = b != b || b < v ? b : v;
            break;
          case EpilogueOp::prelu:
            v = v < 0 ? v * b : v;
            break;
          case EpilogueOp::submul:
            v = v - b;
            v = v * second;
            break;
          case EpilogueOp::addscaled:
            b = b - s.a;
            b = b * s.b;
            v = v + b;
            break;
          case EpilogueOp::gate:
            v = s.a <= b && b <= s.b ? v : 0.0f;
            break;
          case EpilogueOp::rgate:
            v = s.a <= v && v <= s.b ? b : 0.0f;
            break;
          case EpilogueOp::poszero:
            v = v + 0.0f;
            break;
          case EpilogueOp::relu:
            v = v < 0 ? 0 : v;
            break;
          case EpilogueOp::leaky:
            v = v < 0 ? v * s.a : v;
            break;
          case EpilogueOp::clip:
            v = v < s.a ? s.a : (s.b < v ? s.b : v);
            break;
          case EpilogueOp::tanh:
            v = scalar::hyperbolicTangent(scalar::set1(v))[0];
            break;
          case EpilogueOp::sigmoid:
            v = scalar::logistic(scalar::set1(v))[0];
            break;
          case EpilogueOp::exp:
            v = scalar::exponential(scalar::set1(v))[0];
            break;
          case EpilogueOp::log:
            v = scalar::logarithm(scalar::set1(v))[0];
            break;
          case EpilogueOp::erf:
            v = scalar::errorFunction(scalar::set1(v))[0];
            break;
          case EpilogueOp::abs:
            v = std::fabs(v);
            break;
          case EpilogueOp::neg:
            v = -v;
            break;
          case EpilogueOp::sqrt:
            v = std::sqrt(v);
            break;
          case EpilogueOp::floor:
            v = std::floor(v);
            break;
          case EpilogueOp::ceil:
            v = std::ceil(v);
            break;
          case EpilogueOp::round:
            v = std::nearbyint(v);
            break;
          case EpilogueOp::signum:
            v = v < 0 ? -1.0f : (v > 0 ? 1.0f : v);
            break;
          case EpilogueOp::multithreshold: {
            int reached = 0;
            for (int t = 0; t < s.count; t++)
              reached += v >= buffers.get<float>(s.buffer)[t * channels + c];
            v = s.a * static_cast<float>(reached) + s.b;
            break;
          }
          case EpilogueOp::store_f32:
            buffers.get<float>(s.buffer)[p * pitch + s.first + c] = v;
            break;
          case EpilogueOp::store_planes:
            buffers.get<float>(
                s.buffer)[(p / epilogue.hw * channels + c) * epilogue.hw + p % epilogue.hw] = v;
            break;
          case EpilogueOp::store_i32:
            buffers.get<int32_t>(s.buffer)[p * pitch + s.first + c] =
                wholeOf(v, INT32_MIN, INT32_MAX);
            break;
          case EpilogueOp::store_i8:
            buffers.get<int8_t>(s.buffer)[p * pitch + s.first + c] =
                static_cast<int8_t>(wholeOf(v, INT8_MIN, INT8_MAX));
            break;
          case EpilogueOp::store_u8:
            buffers.get<uint8_t>(s.buffer)[p * pitch + s.first + c] =
                static_cast<uint8_t>(wholeOf(v, 0, UINT8_MAX));
            break;
          case EpilogueOp::store_bits: {
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

int cut(const EpilogueStep*, int length, int, Piece* pieces) {
  if (length == 0) return 0;
  pieces[0] = {};
  pieces[0].run = runEpilogue;
  return 1;
}

}  // namespace reference
}  // namespace bitplane
