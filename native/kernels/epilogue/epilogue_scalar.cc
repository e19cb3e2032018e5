// The epilogue, compiled for scalar. The loop is in generic.h.
#include "simd/scalar.h"

#include "kernels/epilogue/generic.h"
