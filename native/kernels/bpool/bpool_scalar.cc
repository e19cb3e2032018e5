// Bit pooling, compiled for scalar. The loop is in generic.h.
#define BITPLANE_SIMD scalar
#include "kernels/bpool/generic.h"
