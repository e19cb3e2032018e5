// What the executor runs: a Step is one instruction of a program, specialised when the program is
// built (sizes, ISA, packed weights). The executor knows nothing else of kernels, and kernels know
// nothing of threads or of N-API.
#pragma once
#include <cstring>
#include <memory>
#include <vector>

#include "base/types.h"
#include "cpu/features.h"
#include "cpu/isa.h"

namespace bitplane {

// Memory that a program refers to by number. `at` is filled per run in flight: at[id] is the
// address of buffer id.
struct Buffers {
  void* const* at;
  template <typename T>
  T* get(int id) const {
    return static_cast<T*>(at[id]);
  }
};

class Step {
 public:
  virtual ~Step() = default;
  // Independent pieces of the step. The executor may give them to different threads, in any order,
  // each exactly once.
  virtual int tasks() const = 0;
  // Private memory a thread needs while it runs one task; contents are not kept between tasks.
  virtual size_t scratchBytes() const { return 0; }
  // Bytes of tables that the step keeps for itself and that grow with the map; packed weights,
  // which programs share, do not count.
  virtual size_t tableBytes() const { return 0; }
  virtual void run(int task, const Buffers& buffers, void* scratch) const = 0;
  // The variant that runs, e.g. "bconv_b1_4x64_avx512_vpopcnt", for profiles and doctor.
  virtual const char* kernelName() const = 0;
};

// One encoded instruction: [opcode, number of fields, fields..., number of epilogue steps, epilogue
// steps of kEpilogueStepInts each]. Floats travel as their bits. Fields are read by position in the
// order of the kernel's opcode.inc.
struct Instruction {
  int opcode;
  const int32_t* fields;
  int fieldCount;
  const int32_t* epilogue;
  int epilogueLength;
  int32_t field(int i) const { return fields[i]; }
  float real(int i) const {
    float f;
    std::memcpy(&f, fields + i, 4);
    return f;
  }
};

// What a step may use while it is built.
class BuildContext {
 public:
  virtual ~BuildContext() = default;
  virtual Isa isa() const = 0;
  // of that instruction set, less what was forced off
  virtual Features features() const = 0;
  // how many threads may share a run; a hint for tasks()
  virtual int threads() const = 0;
  // bytes of a constant buffer, nullptr if it is not a constant
  virtual const void* constant(int buffer) const = 0;
  virtual size_t bufferBytes(int buffer) const = 0;
  // True for weights that an instruction `pack` of the program leaves in packed form.
  virtual bool isPacked(int buffer) const = 0;
  // Packed constants are shared by all programs of a session; null if the buffer is no constant or
  // its file can no longer be read. Returns the packed form kept under (buffer, key), calling
  // `make` to fill `bytes` zeroed, aligned bytes the first time. `key` must name everything that
  // the layout depends on. Throws std::bad_alloc, as all code that builds steps does; a running
  // step allocates nothing.
  using Packer = void (*)(const void* source, void* packed, const void* how);
  virtual std::shared_ptr<const void> packed(int buffer, const char* key, size_t bytes, Packer make,
                                             const void* how) = 0;
};

using StepFactory = std::unique_ptr<Step> (*)(const Instruction&, BuildContext&);

}  // namespace bitplane
