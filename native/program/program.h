// A program: a flat list of steps over numbered buffers, built once for one batch size, ISA and
// thread count, run many times. Not here: threads (parallel/), JavaScript (addon/).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/memory.h"
#include "kernels/step.h"
#include "parallel/job.h"
#include "program/constants.h"

namespace bitplane {

// Where a buffer lives: `arena` at a byte offset of the run's arena; `constant` number `where` of
// the session's constants; `weights` likewise, but read only while steps are built (they keep a
// packed form), so its bytes need not stay and it has no address in a run.
struct BufferSpec {
  enum Kind { arena, constant, weights };
  Kind kind;
  size_t where;
  size_t bytes;
};

// What one run in flight owns: an arena, the address of every buffer in it, and scratch for each
// thread. Reused, never shared.
struct RunContext {
  Block arena;
  std::vector<void*> addresses;
  std::vector<Block> scratch;
  std::vector<Share> shares;   // for the job that runs it
  std::vector<double> stepNs;  // filled when profiling
};

class Program {
 public:
  // Null, with `error` filled, if the code is not well formed. `code` is a list of instructions
  // (kernels/step.h), `constants` stays in use. Throws std::bad_alloc.
  static std::shared_ptr<Program> build(const int32_t* code, size_t length,
                                        std::vector<BufferSpec> buffers, size_t arenaBytes, Isa isa,
                                        Features features, int threads,
                                        std::shared_ptr<Constants> constants, std::string* error);

  const std::vector<std::unique_ptr<Step>>& steps() const { return steps_; }
  const std::vector<BufferSpec>& buffers() const { return buffers_; }
  int threads() const { return threads_; }
  size_t arenaBytes() const { return arenaBytes_; }
  // What the steps keep beside packed weights.
  size_t tableBytes() const {
    size_t sum = 0;
    for (const auto& step : steps_) sum += step->tableBytes();
    return sum;
  }
  // Memory of one run in flight: the arena, scratch for each thread, the table of addresses.
  size_t contextBytes() const {
    return arenaBytes_ + static_cast<size_t>(threads_) * (scratchBytes_ + sizeof(Share)) +
           buffers_.size() * sizeof(void*);
  }
  // Throws std::bad_alloc.
  std::unique_ptr<RunContext> makeContext() const;

 private:
  Program() = default;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<BufferSpec> buffers_;
  std::vector<std::shared_ptr<Block>> resident_;  // keeps constant buffers alive
  std::vector<std::shared_ptr<Block>> oracleWeights_;
  size_t arenaBytes_ = 0;
  size_t scratchBytes_ = 0;
  int threads_ = 1;
};

}  // namespace bitplane
