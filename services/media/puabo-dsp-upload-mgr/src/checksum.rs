//! `Upload-Checksum` (tus 1.0.0, checksum extension): a part that arrived damaged is refused and leaves nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The algorithms, as `Tus-Checksum-Algorithm` lists them.
pub(crate) const ALGORITHMS: &str = "sha1,sha256";

#[derive(Debug, Clone)]
enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

/// The digest that a part must have, and what was measured of it so far.
#[derive(Debug, Clone)]
pub(crate) struct Checksum {
    hasher: Hasher,
    expected: Vec<u8>,
}

impl Checksum {
    /// Reads the header's value: the algorithm's name, a space, and the digest in base64.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let (algorithm, digest) = text.split_once(' ').ok_or(Error::InvalidChecksum)?;
        let expected = STANDARD.decode(digest.trim()).map_err(|_| Error::InvalidChecksum)?;
        let (hasher, length) = match algorithm {
            "sha1" => (Hasher::Sha1(Sha1::new()), 20),
            "sha256" => (Hasher::Sha256(Sha256::new()), 32),
            _ => return Err(Error::InvalidChecksum),
        };
        if expected.len() == length { Ok(Self { hasher, expected }) } else { Err(Error::InvalidChecksum) }
    }

    /// Takes in the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// Whether all bytes that were taken in are the ones that the sender meant.
    pub(crate) fn check(self) -> Result<(), Error> {
        let measured = match self.hasher {
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        };
        if measured == self.expected { Ok(()) } else { Err(Error::ChecksumMismatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HELLO_SHA1: &str = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    const HELLO_SHA256: &str = "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

    fn checked(header: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut checksum = Checksum::parse(header)?;
        for part in bytes.chunks(2) {
            checksum.update(part);
        }
        checksum.check()
    }

    #[test]
    fn both_algorithms_accept_the_right_bytes_and_no_others() {
        for header in [HELLO_SHA1, HELLO_SHA256] {
            assert!(checked(header, b"hello").is_ok(), "{header}");
            assert!(matches!(checked(header, b"hellO"), Err(Error::ChecksumMismatch)), "{header}");
        }
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for header in
            ["", "sha1", "md5 XUFAKrxLKna5cZ2REBfFkg==", "sha1 !!!", "sha1 qvQ=", "sha256 qvTGHdzF6KLavt4PO0gs2a6pQ00="]
        {
            assert!(matches!(Checksum::parse(header), Err(Error::InvalidChecksum)), "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(header in ".{0,80}") {
            let _ = Checksum::parse(&header);
        }
    }
}
