// The sliding window, compiled for scalar. The loop is in generic.h.
#include "simd/scalar.h"

#include "kernels/window/generic.h"
