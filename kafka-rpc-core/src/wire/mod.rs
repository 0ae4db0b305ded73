//! Pure functions on bytes.
