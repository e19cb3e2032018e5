#include "program/program.h"

#include "kernels/epilogue/epilogue.h"
#include "parallel/job.h"
#include "program/check.h"
#include "program/opcodes.h"

namespace bitplane {

namespace {

class Context final : public BuildContext {
 public:
  Context(Isa isa, Features features, int threads, const std::vector<BufferSpec>& buffers,
          Constants& constants)
      : isa_(isa),
        features_(features),
        threads_(threads),
        buffers_(buffers),
        constants_(constants) {}
  Isa isa() const override { return isa_; }
  Features features() const override { return features_; }
  int threads() const override { return threads_; }
  size_t bufferBytes(int buffer) const override { return buffers_[buffer].bytes; }
  const void* constant(int buffer) const override {
    if (buffer < 0 || !buffers_[buffer].isConstant()) return nullptr;
    const int index = static_cast<int>(buffers_[buffer].where);
    return constants_.ensure(index) ? constants_.block(index)->data() : nullptr;
  }
  bool isPacked(int buffer) const override {
    return buffer >= 0 && buffers_[buffer].kind == BufferSpec::packed;
  }
  // Unpacked weights are in memory for one step at a time, because a step needs them only to pack
  // them. Those that are packed already are mostly not needed again; `packed` fetches them if they
  // are. False if some cannot be read.
  bool fetchWeights(const Opcode& opcode, const Instruction& instruction) {
    return eachWeights(opcode, instruction, [this](int index) {
      return constants_.isPacked(index) || constants_.ensure(index);
    });
  }
  void dropWeights(const Opcode& opcode, const Instruction& instruction) {
    eachWeights(opcode, instruction, [this](int index) { return constants_.drop(index), true; });
  }
  std::shared_ptr<const void> packed(int buffer, const char* key, size_t bytes, Packer make,
                                     const void* how) override {
    if (buffer < 0 || !buffers_[buffer].isConstant()) return nullptr;
    return constants_.packed(static_cast<int>(buffers_[buffer].where), key, bytes, make, how);
  }

 private:
  template <typename Visit>
  bool eachWeights(const Opcode& opcode, const Instruction& instruction, Visit visit) {
    for (int i = 0; i < opcode.fieldCount; i++) {
      const int32_t buffer = instruction.field(i);
      if (!opcode.fields[i].isBuffer() || buffer < 0 ||
          buffers_[buffer].kind != BufferSpec::weights)
        continue;
      if (!visit(static_cast<int>(buffers_[buffer].where))) return false;
    }
    return true;
  }

  Isa isa_;
  Features features_;
  int threads_;
  const std::vector<BufferSpec>& buffers_;
  Constants& constants_;
};

bool fits(const BufferSpec& b, size_t arenaBytes, const Constants& constants,
          const StateBlocks& states) {
  if (b.inArena()) return b.bytes <= arenaBytes && b.where <= arenaBytes - b.bytes;
  if (b.kind == BufferSpec::state)
    return b.where < states.size() && b.bytes <= states[b.where]->bytes();
  return b.isConstant() && b.where < static_cast<size_t>(constants.count()) &&
         b.bytes <= constants.size(static_cast<int>(b.where));
}

bool checkBuffers(const std::vector<BufferSpec>& buffers, size_t arenaBytes,
                  const Constants& constants, const StateBlocks& states, std::string* error) {
  for (size_t i = 0; i < buffers.size(); i++) {
    if (!fits(buffers[i], arenaBytes, constants, states)) {
      *error = "buffer " + std::to_string(i) + " lies outside its memory";
      return false;
    }
  }
  return true;
}

}  // namespace

std::shared_ptr<Program> Program::build(const int32_t* code, size_t length,
                                        std::vector<BufferSpec> buffers, size_t arenaBytes, Isa isa,
                                        Features features, int threads,
                                        std::shared_ptr<Constants> constants, StateBlocks states,
                                        int commit, std::string* error) {
  if (!checkBuffers(buffers, arenaBytes, *constants, states, error)) return nullptr;
  std::shared_ptr<Program> program(new Program());
  program->buffers_ = std::move(buffers);
  program->arenaBytes_ = arenaBytes;
  program->threads_ = threads;
  program->states_ = std::move(states);
  program->commit_ = commit;
  Context context(isa, features, threads, program->buffers_, *constants);
  int known = 0;
  const Opcode* table = opcodes(&known);
  size_t at = 0;
  while (at < length) {
    std::string where = "instruction " + std::to_string(program->steps_.size());
    if (length - at < 2 || code[at] < 0 || code[at] >= known ||
        code[at + 1] != table[code[at]].fieldCount ||
        length - at - 2 < static_cast<size_t>(code[at + 1]) + 1) {
      *error = where + " is malformed";
      return nullptr;
    }
    Instruction instruction{code[at], code + at + 2, code[at + 1], nullptr, 0};
    at += 2 + static_cast<size_t>(instruction.fieldCount);
    instruction.epilogueLength = code[at++];
    if (instruction.epilogueLength < 0 ||
        (length - at) / kEpilogueStepInts < static_cast<size_t>(instruction.epilogueLength)) {
      *error = where + " has a malformed epilogue";
      return nullptr;
    }
    instruction.epilogue = code + at;
    at += static_cast<size_t>(instruction.epilogueLength) * kEpilogueStepInts;
    const Opcode& opcode = table[instruction.opcode];
    if (const char* problem = problemOf(opcode, instruction, program->buffers_)) {
      *error = where + " (" + opcode.name + ") was refused: " + problem;
      return nullptr;
    }
    // However the building of the step ends, its unpacked weights go. The oracles read weights as
    // they came.
    struct Fetched {
      Context& context;
      const Opcode& opcode;
      const Instruction& instruction;
      bool drops;
      ~Fetched() {
        if (drops) context.dropWeights(opcode, instruction);
      }
    } fetched{context, opcode, instruction, isa != Isa::reference};
    if (!context.fetchWeights(opcode, instruction)) {
      *error = where + " has weights that cannot be read";
      return nullptr;
    }
    std::unique_ptr<Step> step = opcode.make(instruction, context);
    if (step == nullptr || step->tasks() > kMaxTasks) {
      *error = where + " (" + opcode.name + ") was refused by its kernel";
      return nullptr;
    }
    if (step->scratchBytes() > program->scratchBytes_)
      program->scratchBytes_ = step->scratchBytes();
    program->steps_.push_back(std::move(step));
  }
  for (const BufferSpec& b : program->buffers_) {
    const bool kept =
        b.kind == BufferSpec::constant || (b.kind == BufferSpec::weights && isa == Isa::reference);
    if (!kept) continue;
    const int index = static_cast<int>(b.where);
    if (!constants->ensure(index)) {
      *error = "constant " + std::to_string(index) + " could not be read";
      return nullptr;
    }
    (b.kind == BufferSpec::constant ? program->resident_ : program->oracleWeights_)
        .push_back(constants->block(index));
  }
  return program;
}

std::unique_ptr<RunContext> Program::makeContext() const {
  auto context = std::make_unique<RunContext>();
  context->arena = Block(arenaBytes_);
  context->shares = std::vector<Share>(static_cast<size_t>(threads_));
  for (int i = 0; i < threads_; i++) context->scratch.emplace_back(scratchBytes_);
  context->addresses.reserve(buffers_.size());
  size_t constant = 0;
  for (const BufferSpec& b : buffers_) {
    if (b.inArena())
      context->addresses.push_back(static_cast<char*>(context->arena.data()) + b.where);
    else if (b.kind == BufferSpec::state)
      context->addresses.push_back(states_[b.where]->data());
    else
      context->addresses.push_back(b.kind == BufferSpec::constant ? resident_[constant++]->data()
                                                                  : nullptr);
  }
  return context;
}

}  // namespace bitplane
