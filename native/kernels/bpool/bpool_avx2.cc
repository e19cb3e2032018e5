// Bit pooling, compiled for avx2. The loop is in generic.h.
#define BITPLANE_SIMD avx2
#include "kernels/bpool/generic.h"
