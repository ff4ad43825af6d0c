//! Byte ranges (RFC 9110 section 14). One range is served; a request for several gets the whole, as the standard allows.

use std::ops::Range;

use crate::error::Error;

/// Which bytes of a file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    Part(Range<u64>),
}

/// Reads a `Range` header for a file of this size. One that can't be read is as good as none (section 14.2).
pub(crate) fn extent(header: Option<&str>, size: u64) -> Result<Extent, Error> {
    let Some((first, last)) = header.and_then(single) else { return Ok(Extent::Whole) };
    let part = match (first, last) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) => first..size,
        (None, Some(suffix)) => size.saturating_sub(suffix)..size,
        _ => return Ok(Extent::Whole),
    };
    if part.is_empty() { Err(Error::Unsatisfiable(size)) } else { Ok(Extent::Part(part)) }
}

/// The two numbers of `bytes=first-last`, of which one may be missing.
fn single(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| match text {
        "" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Some),
        _ => None,
    };
    unit.trim().eq_ignore_ascii_case("bytes").then_some((number(first)?, number(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(header: &str) -> Option<Range<u64>> {
        match extent(Some(header), 10) {
            Ok(Extent::Part(part)) => Some(part),
            _ => None,
        }
    }

    #[test]
    fn each_form_of_a_range_is_read() {
        assert_eq!(part("bytes=0-0"), Some(0..1));
        assert_eq!(part("bytes=4-"), Some(4..10));
        assert_eq!(part("bytes=-3"), Some(7..10));
        assert_eq!(part("bytes=-30"), Some(0..10));
        assert_eq!(part("Bytes=2-99"), Some(2..10));
    }

    #[test]
    fn what_has_no_byte_of_the_file_can_not_be_satisfied() {
        for header in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert!(matches!(extent(Some(header), 10), Err(Error::Unsatisfiable(10))), "{header}");
        }
    }

    #[test]
    fn what_can_not_be_read_means_the_whole() {
        for header in
            ["", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=+1-2"]
        {
            assert_eq!(extent(Some(header), 10).unwrap(), Extent::Whole, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_part_always_lies_inside_the_file(header in "bytes=[0-9]{0,20}-[0-9]{0,20}", size in 0_u64..1_000) {
            if let Ok(Extent::Part(part)) = extent(Some(&header), size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }
}
