//! The CPU time of processes.

/// The user and system time of a process so far, in microseconds and steps of the kernel's tick;
/// not a number where there is no `/proc`. It is what `getrusage` counts, but of any process.
pub(crate) fn time_us(pid: u32) -> f64 {
    fields_us(&pid.to_string(), 11)
}

/// The same of all processes that this one has started and awaited, and that those have.
pub(crate) fn time_of_children_us() -> f64 {
    fields_us("self", 13)
}

/// The sum of two neighbouring fields of `/proc/{process}/stat`, counted after the command.
fn fields_us(process: &str, first: usize) -> f64 {
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The command stands in parentheses and may contain anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(first);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some(user + system)
    };
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    ticks().map_or(f64::NAN, |ticks| ticks / per_second * 1e6)
}
