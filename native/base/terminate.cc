// Replaces the C++ library's last resort, which runs when nothing catches a std::bad_alloc: prints
// a sentence, then aborts. No call of JavaScript's is known to get there (addon/guard.h,
// addon/shell.h, `npm run faults`), unless libstdc++ could not even get the 72 KB that it sets
// aside for exceptions when it is loaded. libstdc++'s own handler would print the exception's type,
// for which it links a demangler in, a twentieth of the addon. Nothing here is called by name; for
// other C++ libraries this file is empty.
#include <cstdio>
#include <cstdlib>
#include <exception>  // declares the handler, defines __GLIBCXX__

#if defined(__GLIBCXX__)

namespace __gnu_cxx {

void __verbose_terminate_handler() {
  std::fputs("bitplane: the C++ library gave up, most likely for want of memory\n", stderr);
  std::abort();
}

}  // namespace __gnu_cxx

#endif
