//! The ladder: which renditions a source gets, from its size alone.

/// A picture's size in square pixels, as a viewer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameSize {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// One rendition of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) size: FrameSize,
    /// The most that the encoder may spend on the picture, averaged over two seconds.
    pub(crate) max_bitrate_kbps: u32,
}

impl Rung {
    /// The rendition's folder, as `720p`.
    pub(crate) fn name(&self) -> String {
        format!("{}p", self.size.height)
    }
}

/// Heights and their bit rates, best first.
const STANDARD: [(u32, u32); 5] = [(1080, 5_000), (720, 2_800), (480, 1_400), (360, 800), (240, 400)];

/// The renditions of a source, best first: every standard height that the source reaches, so that no picture is blown up.
/// A source below all of them keeps its own height.
pub(crate) fn ladder(source: FrameSize) -> Vec<Rung> {
    let rungs: Vec<Rung> = STANDARD
        .into_iter()
        .filter(|(height, _)| *height <= source.height)
        .map(|(height, max_bitrate_kbps)| Rung { size: scaled(source, height), max_bitrate_kbps })
        .collect();
    if rungs.is_empty() {
        let (_, lowest) = STANDARD[STANDARD.len() - 1];
        return vec![Rung { size: scaled(source, source.height), max_bitrate_kbps: lowest }];
    }
    rungs
}

/// The size with this height and the source's shape. Both sides are even, as 4:2:0 chroma needs, and never larger than the
/// source's, except that a side of one pixel becomes two.
fn scaled(source: FrameSize, height: u32) -> FrameSize {
    let height = even(height);
    let exact = u64::from(source.width) * u64::from(height) / u64::from(source.height.max(1));
    let nearest = u32::try_from(exact + exact % 2).unwrap_or(u32::MAX - 1);
    FrameSize { width: nearest.min(even(source.width)).max(2), height }
}

fn even(side: u32) -> u32 {
    (side - side % 2).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heights(width: u32, height: u32) -> Vec<u32> {
        ladder(FrameSize { width, height }).iter().map(|rung| rung.size.height).collect()
    }

    #[test]
    fn a_full_hd_source_gets_every_rung() {
        assert_eq!(heights(1920, 1080), [1080, 720, 480, 360, 240]);
        assert_eq!(ladder(FrameSize { width: 1920, height: 1080 })[1].size, FrameSize { width: 1280, height: 720 });
    }

    #[test]
    fn a_larger_source_stops_at_full_hd() {
        assert_eq!(heights(3840, 2160)[0], 1080);
    }

    #[test]
    fn a_source_below_the_ladder_keeps_its_own_height() {
        assert_eq!(heights(161, 91), [90]);
        assert_eq!(heights(1, 1), [2]);
    }

    proptest! {
        #[test]
        fn no_rung_is_larger_than_the_source_and_every_side_is_even(width in 2_u32..9_000, height in 2_u32..9_000) {
            let rungs = ladder(FrameSize { width, height });
            prop_assert!(!rungs.is_empty());
            for rung in &rungs {
                prop_assert!(rung.size.height <= height && rung.size.width <= width);
                prop_assert!(rung.size.height % 2 == 0 && rung.size.width % 2 == 0);
                prop_assert!(rung.size.height >= 2 && rung.size.width >= 2);
            }
            prop_assert!(rungs.windows(2).all(|pair| pair[0].size.height > pair[1].size.height));
            prop_assert!(rungs.windows(2).all(|pair| pair[0].max_bitrate_kbps > pair[1].max_bitrate_kbps));
        }

        #[test]
        fn a_rung_keeps_the_sources_shape(width in 200_u32..5_000, height in 200_u32..5_000) {
            for rung in ladder(FrameSize { width, height }) {
                let wanted = f64::from(width) / f64::from(height) * f64::from(rung.size.height);
                prop_assert!((f64::from(rung.size.width) - wanted).abs() <= 2.0 + wanted / f64::from(height));
            }
        }
    }
}
