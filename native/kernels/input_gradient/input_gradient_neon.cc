// The depthwise input gradient, compiled for neon.
#include "simd/neon.h"

#include "kernels/input_gradient/generic.h"
