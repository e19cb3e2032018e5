// The epilogue, compiled for scalar. The loop is in generic.h. Without segments, which would be 100
// KB for CPUs that few run on: what is no listed line is interpreted. Every 64-bit ARM CPU has
// NEON, so there this is only for comparison, and interprets all.
#define BITPLANE_NO_SEGMENTS
#if defined(__aarch64__)
#define BITPLANE_NO_LINES
#endif
#include "simd/scalar.h"

#include "kernels/epilogue/generic.h"
