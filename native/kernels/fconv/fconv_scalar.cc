// Floats of fields of words, compiled for scalar. The loop is in generic.h.
#include "simd/scalar.h"

#include "kernels/fconv/generic.h"
