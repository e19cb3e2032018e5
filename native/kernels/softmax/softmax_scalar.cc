// Softmax, compiled for scalar. The loop is in generic.h.
#include "simd/scalar.h"

#include "kernels/softmax/generic.h"
