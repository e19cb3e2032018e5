// The pool gradients, compiled for avx2. The loops are in generic.h.
#include "simd/avx2.h"

#include "kernels/poolgrad/generic.h"
