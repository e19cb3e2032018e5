// Floats of packed weights, compiled for scalar. The loop is in generic.h.
#include "simd/scalar.h"

#include "kernels/wconv/generic.h"
