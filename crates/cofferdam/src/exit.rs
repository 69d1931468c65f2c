//! Exit codes besides 0, which means that nothing was found.

/// Exit code for findings at or above `--fail-on`.
pub(crate) const FINDINGS: u8 = 1;
/// Exit code for bad usage or input that cannot be read.
pub(crate) const BAD_INPUT: u8 = 2;
