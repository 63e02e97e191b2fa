// Where the library's own types stand. For who uses the library it makes no difference: evergrant::library::TokenLease is
// evergrant::TokenLease. The implementation has types of these names too, and there the namespace is not inline.
#pragma once

#ifdef EVERGRANT_INSIDE
#define EVERGRANT_INLINE
#else
#define EVERGRANT_INLINE inline
#endif
