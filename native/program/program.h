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
// packed form), so its bytes need not stay and it has no address in a run; `state` number `where`
// of the program's states; `packed` in the arena, but weights in the form that an instruction
// `pack` gives them.
struct BufferSpec {
  enum Kind { arena, constant, weights, state, packed };
  bool inArena() const { return kind == arena || kind == packed; }
  bool isConstant() const { return kind == constant || kind == weights; }
  Kind kind;
  size_t where;
  size_t bytes;
};

// The memory of one run in flight: an arena, the address of every buffer in it, and scratch for
// each thread. Reused, never shared.
struct RunContext {
  Block arena;
  std::vector<void*> addresses;
  std::vector<Block> scratch;
  std::vector<Share> shares;   // for the job that runs it
  std::vector<double> stepNs;  // filled when profiling
};

// Memory that lasts from run to run, in the order of the program's numbers.
using StateBlocks = std::vector<std::shared_ptr<Block>>;

class Program {
 public:
  // Null, with `error` filled, if the code is not well formed. `code` is a list of instructions
  // (kernels/step.h), `constants` and `states` stay in use. The instructions from number `commit`
  // on are those that a run which has come so far ends, aborted or not. Throws std::bad_alloc.
  static std::shared_ptr<Program> build(const int32_t* code, size_t length,
                                        std::vector<BufferSpec> buffers, size_t arenaBytes, Isa isa,
                                        Features features, int threads,
                                        std::shared_ptr<Constants> constants, StateBlocks states,
                                        int commit, std::string* error);

  const std::vector<std::unique_ptr<Step>>& steps() const { return steps_; }
  const std::vector<BufferSpec>& buffers() const { return buffers_; }
  int threads() const { return threads_; }
  int commit() const { return commit_; }
  size_t arenaBytes() const { return arenaBytes_; }
  // Bytes that the steps keep beside packed weights.
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
  StateBlocks states_;
  size_t arenaBytes_ = 0;
  size_t scratchBytes_ = 0;
  int threads_ = 1;
  int commit_ = INT32_MAX;
};

}  // namespace bitplane
