//! Limits of what templates print and compute, so that a small chart cannot become a large one.

/// Bytes that one template may print.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// Pieces that one computed text may have.
pub(super) const MAX_PIECES: usize = 50_000;
