// The exception for a lock or thread that the system does not give; for memory it is
// std::bad_alloc. The guard around the call turns both into a JavaScript error (addon/guard.h).
// Only JavaScript's thread throws: workers allocate nothing. Not here: malformed programs, for
// which a function returns a sentence (program/program.h).
#pragma once
#include <exception>

namespace bitplane {

class Failure final : public std::exception {
 public:
  // A sentence that is never freed.
  explicit Failure(const char* sentence) : sentence_(sentence) {}
  const char* what() const noexcept override { return sentence_; }

 private:
  const char* sentence_;
};

}  // namespace bitplane
