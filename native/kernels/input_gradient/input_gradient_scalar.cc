// The depthwise input gradient, compiled for scalar.
#include "simd/scalar.h"

#include "kernels/input_gradient/generic.h"
