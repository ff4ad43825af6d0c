//! How far ffmpeg is, from the `key=value` lines that `-progress` prints.

use std::time::Duration;

/// The place in the output that a line of `-progress` names, if it names one.
pub(crate) fn position(line: &str) -> Option<Duration> {
    let (key, value) = line.trim().split_once('=')?;
    if key != "out_time_us" {
        return None;
    }
    // `N/A` before the first packet, and negative while an encoder's delay is not yet over.
    value.trim().parse().ok().map(Duration::from_micros)
}

/// The share of the whole that is done, from 0 to 1; 0 while the whole is unknown.
pub(crate) fn share(position: Duration, whole: Option<Duration>) -> f64 {
    match whole {
        Some(whole) if !whole.is_zero() => (position.as_secs_f64() / whole.as_secs_f64()).clamp(0.0, 1.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_position_is_read_from_its_own_line_only() {
        assert_eq!(position("out_time_us=4053333\n"), Some(Duration::from_micros(4_053_333)));
        for other in ["out_time_us=N/A", "out_time_us=-64000", "out_time_ms=5", "progress=end", "", "="] {
            assert_eq!(position(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_share_is_always_between_nothing_and_all(position in 0_u64..1 << 50, whole in proptest::option::of(0_u64..1 << 50)) {
            let share = share(Duration::from_micros(position), whole.map(Duration::from_micros));
            prop_assert!((0.0..=1.0).contains(&share));
        }

        #[test]
        fn no_line_breaks_the_reader(line in ".*") {
            let _ = position(&line);
        }
    }
}
