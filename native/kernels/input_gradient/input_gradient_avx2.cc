// The depthwise input gradient, compiled for avx2.
#include "simd/avx2.h"

#include "kernels/input_gradient/generic.h"
