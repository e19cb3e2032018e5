// The pool gradients, compiled for neon. The loops are in generic.h.
#include "simd/neon.h"

#include "kernels/poolgrad/generic.h"
