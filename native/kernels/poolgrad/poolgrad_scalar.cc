// The pool gradients, compiled for scalar. The loops are in generic.h.
#include "simd/scalar.h"

#include "kernels/poolgrad/generic.h"
