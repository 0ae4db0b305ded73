//! Takes a command to its reply.
