//! How long a failed job waits. A pure function, so that a run can be repeated and reasoned about.

use std::time::Duration;

use camcount_domain::content_hash;

/// The longest wait after the first attempt.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// The longest wait after any attempt: what is down for long is asked every few minutes.
pub const BACKOFF_CAP: Duration = Duration::from_secs(300);

/// The wait after attempt `attempt` (from 1) of the job `key`: it doubles with every attempt up to
/// [`BACKOFF_CAP`], and its second half is spread by a hash of key and attempt, so that jobs which failed
/// together do not come back together.
#[must_use]
pub fn backoff(attempt: u32, key: &str) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let longest = BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_CAP);
    let hash = content_hash(&[key.as_bytes(), &attempt.to_le_bytes()]);
    // The first 16 bits of the hash, as 0 ..= 1.
    let spread = hash.get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok()).unwrap_or(0);
    longest / 2 + longest / 2 * u32::from(spread) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn doubles_up_to_the_cap() {
        for attempt in 1..=8 {
            let longest = BACKOFF_FIRST * (1 << (attempt - 1));
            let wait = backoff(attempt, "a");
            assert!(longest / 2 <= wait && wait <= longest, "attempt {attempt} waits {wait:?}");
        }
        for attempt in [10, 33, 1000, u32::MAX] {
            let wait = backoff(attempt, "a");
            assert!(BACKOFF_CAP / 2 <= wait && wait <= BACKOFF_CAP, "attempt {attempt} waits {wait:?}");
        }
        assert!(backoff(0, "") <= BACKOFF_FIRST);
    }

    #[test]
    fn spreads_keys_and_repeats_itself() {
        let waits: BTreeSet<_> = (0..100).map(|n| backoff(5, &format!("job/{n}"))).collect();
        assert!(waits.len() > 90, "{} different waits of 100", waits.len());
        assert_eq!(backoff(3, "job"), backoff(3, "job"));
    }
}
