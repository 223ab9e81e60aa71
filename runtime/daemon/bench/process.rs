//! What this process has used, as the kernel counts it.

use std::fs;

/// Seconds of processor time, user and system together; 0 where the kernel does not tell.
pub(super) fn cpu_seconds() -> f64 {
    // `schedstat` counts nanoseconds where `stat` counts ticks of ten milliseconds; it has a line per thread.
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let spent = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e9
}

/// Bytes of memory that this process holds; 0 where the kernel does not tell.
pub(super) fn resident_bytes() -> f64 {
    let Ok(text) = fs::read_to_string("/proc/self/status") else {
        return 0.0;
    };
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() * 1024.0
}
