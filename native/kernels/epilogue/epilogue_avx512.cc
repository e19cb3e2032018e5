// The epilogue, compiled for avx512. The loop is in generic.h.
#include "simd/avx512.h"

#include "kernels/epilogue/generic.h"
