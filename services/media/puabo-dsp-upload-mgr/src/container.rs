//! What kind of file begins with these bytes. Whether all of it can be played is for the transcoder to find out; this keeps
//! out what certainly is no media, before it costs anything.

/// How many bytes from a file's beginning are looked at.
pub(crate) const HEAD_BYTES: u64 = 4_096;

/// What an MPEG transport stream repeats at the start of each packet, and how long packets are, with and without time codes.
const SYNC: u8 = 0x47;
const PACKETS: [(usize, usize); 3] = [(0, 188), (4, 192), (0, 204)];
/// What an ISO base media file begins with, after a size; the older ones of `QuickTime` have no `ftyp`.
const BOXES: [&[u8]; 8] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid"];
/// Fixed beginnings: MPEG program and video streams, Matroska and `WebM`, Ogg, ID3 before MP3, FLAC, ASF, FLV, MXF, CAF.
const BEGINNINGS: [&[u8]; 10] = [
    b"\x00\x00\x01\xba",
    b"\x00\x00\x01\xb3",
    b"\x1a\x45\xdf\xa3",
    b"OggS",
    b"ID3",
    b"fLaC",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    b"FLV\x01",
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01",
    b"caff",
];

/// Why a file is no media, for the person who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotMedia {
    #[error("the file is empty; choose one with something in it")]
    Empty,
    #[error("the file is a text and no video or sound, whatever its name says; choose a media file")]
    Text,
    #[error(
        "the file is in no video or sound format that is known here; export it as MP4, MOV, WebM, MKV, AVI, MPEG, MP3, WAV, \
         FLAC or Ogg"
    )]
    Unknown,
}

/// Looks at a file's beginning.
pub(crate) fn check(head: &[u8]) -> Result<(), NotMedia> {
    if head.is_empty() {
        return Err(NotMedia::Empty);
    }
    let known = BEGINNINGS.iter().any(|beginning| head.starts_with(beginning))
        || head.get(4..8).is_some_and(|name| BOXES.contains(&name))
        || is_riff(head)
        || is_transport_stream(head)
        || is_audio_frame(head);
    if known {
        return Ok(());
    }
    Err(if is_text(head) { NotMedia::Text } else { NotMedia::Unknown })
}

/// RIFF and its kin: a group's name, four bytes of size, then what the group is.
fn is_riff(head: &[u8]) -> bool {
    let (group, kind) = (head.get(..4), head.get(8..12));
    match group {
        Some(b"RIFF" | b"RF64") => matches!(kind, Some(b"AVI " | b"WAVE")),
        Some(b"FORM") => matches!(kind, Some(b"AIFF" | b"AIFC")),
        // Sony Wave64 writes its names as 16 bytes that begin with the old ones.
        Some(b"riff") => head.get(24..28) == Some(b"wave"),
        _ => false,
    }
}

fn is_transport_stream(head: &[u8]) -> bool {
    PACKETS.iter().any(|&(start, length)| {
        let mut syncs = head.iter().skip(start).step_by(length).take(4).peekable();
        syncs.peek().is_some() && head.len() > start + length && syncs.all(|byte| *byte == SYNC)
    })
}

/// The first header of MPEG audio (ISO/IEC 11172-3 section 2.4.1.3) or of AAC in ADTS (ISO/IEC 13818-7 section 6.2).
fn is_audio_frame(head: &[u8]) -> bool {
    let &[first, second, third, ..] = head else { return false };
    if first != 0xff || second & 0xe0 != 0xe0 {
        return false;
    }
    let (version, layer) = (second >> 3 & 0b11, second >> 1 & 0b11);
    if layer == 0 {
        // ADTS: the layer is always 0 and the index of the sampling frequency at most 12.
        return second & 0xf0 == 0xf0 && third >> 2 & 0b1111 <= 12;
    }
    version != 1 && third >> 4 != 0b1111 && third >> 2 & 0b11 != 0b11
}

/// Whether somebody could read it: UTF-8 that may end in the middle of a character, without control characters.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|character| character.is_control() && !character.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_known_container_is_let_through() {
        let mut transport = vec![0_u8; 188 * 5];
        transport.iter_mut().step_by(188).for_each(|byte| *byte = SYNC);
        let heads: [&[u8]; 12] = [
            b"\0\0\0\x20ftypisom",
            b"\0\0\0\x08wide\0\0",
            b"\x1a\x45\xdf\xa3\x01",
            b"RIFF\0\0\0\0AVI LIST",
            b"RIFF\0\0\0\0WAVEfmt ",
            b"\0\0\x01\xba\x44",
            b"OggS\0\x02",
            b"ID3\x04\0",
            b"\xff\xfb\x90\x64",
            b"\xff\xf1\x50\x80",
            b"fLaC\0\0",
            &transport,
        ];
        for head in heads {
            assert_eq!(check(head), Ok(()), "{head:02x?}");
        }
    }

    #[test]
    fn what_is_no_media_is_told_apart() {
        assert_eq!(check(b""), Err(NotMedia::Empty));
        assert_eq!(check("Liebes Tagebuch, schön war's\n".as_bytes()), Err(NotMedia::Text));
        assert_eq!(check(b"#EXTM3U\nhttp://10.0.0.1/secret\n"), Err(NotMedia::Text));
        for head in
            [b"%PDF-1.7\n\0".as_slice(), b"PK\x03\x04\0", b"\x7fELF\x02", b"RIFF\0\0\0\0WEBPVP8 ", b"\xff\xd8\xff\xe0"]
        {
            assert_eq!(check(head), Err(NotMedia::Unknown), "{head:02x?}");
        }
    }

    #[test]
    fn a_text_whose_last_character_is_cut_is_still_a_text() {
        assert_eq!(check(&"ü".as_bytes()[..1]), Err(NotMedia::Text));
        assert_eq!(check(&"größe".as_bytes()[..3]), Err(NotMedia::Text));
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(head in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = check(&head);
        }

        #[test]
        fn no_plain_text_passes_for_media(text in "[a-z]{9,40}( [a-z]{1,10}){0,20}\n") {
            // A word of four letters at the fifth byte is what the boxes are told by, and no text of this shape has one alone.
            prop_assume!(!BOXES.contains(&&text.as_bytes()[4..8]) && !text.starts_with("caff"));
            prop_assert_eq!(check(text.as_bytes()), Err(NotMedia::Text));
        }
    }
}
