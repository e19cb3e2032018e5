// What happens when the C++ library gives up, which in code without exceptions is when memory runs out where nothing checks for it: a sentence,
// then abort. libstdc++'s own handler would print the exception's type, for which it links a demangler in, a twentieth of the addon.
// Nothing here is called by name; for other C++ libraries this file is empty.
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
