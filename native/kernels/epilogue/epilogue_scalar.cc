// The epilogue, compiled for scalar. The loop is in generic.h. Without segments, which would be 100
// KB for CPUs that few run on: what is no listed line is interpreted.
#define BITPLANE_NO_SEGMENTS
#include "simd/scalar.h"

#include "kernels/epilogue/generic.h"
