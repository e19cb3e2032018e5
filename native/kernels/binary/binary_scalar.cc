// Binary operations, compiled for scalar. The loop is in generic.h.
#include "simd/scalar.h"

#include "kernels/binary/generic.h"
