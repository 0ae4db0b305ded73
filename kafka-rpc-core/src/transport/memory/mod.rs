//! A whole broker in memory.
