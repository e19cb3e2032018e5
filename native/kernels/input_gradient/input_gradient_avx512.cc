// The depthwise input gradient, compiled for avx512.
#include "simd/avx512.h"

#include "kernels/input_gradient/generic.h"
