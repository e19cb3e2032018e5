// Bit pooling, compiled for avx512. The loop is in generic.h.
#define BITPLANE_SIMD avx512
#include "kernels/bpool/generic.h"
