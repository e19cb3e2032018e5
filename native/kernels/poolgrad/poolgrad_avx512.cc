// The pool gradients, compiled for avx512. The loops are in generic.h.
#include "simd/avx512.h"

#include "kernels/poolgrad/generic.h"
