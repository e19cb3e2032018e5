// Bit pooling, compiled for neon. The loop is in generic.h.
#define BITPLANE_SIMD neon
#include "kernels/bpool/generic.h"
