// What a call ends with where the system gives no lock or thread; where it gives no memory, that is
// std::bad_alloc. Both are thrown, and end where JavaScript called, as a JavaScript error
// (addon/guard.h). Thrown on JavaScript's thread alone: workers allocate nothing. Not here:
// malformed programs, which are told by a sentence (program/program.h).
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
