//! Passwords that were seen in breaches of other sites, as a Bloom filter of their SHA-1: what is in the list is always found, and
//! one in a thousand of the others too. Nothing is ever asked over the network.
//!
//! The file begins with [`MAGIC`], the number of hashes and the number of words, and then has the filter's words, all in little
//! endian.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use fastbloom::{BloomFilter, optimal_hashes, optimal_size};
use nexus_kernel::config::Secret;
use sha1::{Digest, Sha1};

/// What the file begins with; another form gets another.
const MAGIC: [u8; 8] = *b"NXBREACH";
/// The part of passwords that are in no list and are refused all the same.
const FALSE_POSITIVES: f64 = 0.001;
/// The most hashes a password; a file that says more is none of ours.
const MOST_HASHES: u32 = 64;
/// Words read and written at once.
const CHUNK: usize = 8_192;

/// A list of breached passwords.
pub(crate) struct Breached(BloomFilter);

impl std::fmt::Debug for Breached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breached").field("bits", &self.0.num_bits()).finish_non_exhaustive()
    }
}

impl Breached {
    /// The list in a file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut head = [0; 20];
        file.read_exact(&mut head)?;
        let (magic, rest) = head.split_at(MAGIC.len());
        let hashes = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
        let words: [u8; 8] = rest[4..].try_into().map_err(|_| not_ours())?;
        let words = u64::from_le_bytes(words);
        // The length is believed only where the file has it.
        let length = std::fs::metadata(path)?.len();
        if magic != MAGIC || hashes == 0 || hashes > MOST_HASHES || words == 0 || length != 20 + words.saturating_mul(8)
        {
            return Err(not_ours());
        }
        let mut bits = Vec::with_capacity(usize::try_from(words).map_err(|_| not_ours())?);
        let mut word = [0; 8];
        for _ in 0..words {
            file.read_exact(&mut word)?;
            bits.push(u64::from_le_bytes(word));
        }
        Ok(Self(BloomFilter::from_vec(bits).hashes(hashes)))
    }

    /// Whether a password is in the list, or is taken for one that is.
    pub(crate) fn has(&self, password: &Secret) -> bool {
        self.0.contains_hash(short(&Sha1::digest(password.expose().as_bytes())))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(CHUNK * 8, File::create(path)?);
        file.write_all(&MAGIC)?;
        file.write_all(&self.0.num_hashes().to_le_bytes())?;
        file.write_all(&(self.0.as_slice().len() as u64).to_le_bytes())?;
        for word in self.0.as_slice() {
            file.write_all(&word.to_le_bytes())?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not what `nexus breached-passwords` makes")
}

/// A hash is evenly spread, and so is each part of it.
fn short(sha1: &[u8]) -> u64 {
    sha1.iter().take(8).fold(0, |short, byte| short << 8 | u64::from(*byte))
}

/// What became of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// How many passwords the file knows.
    pub passwords: u64,
    /// Lines that were no SHA-1, or were seen too seldom.
    pub skipped: u64,
}

/// Makes the file from a list with one SHA-1 a line in hexadecimal digits, and maybe a colon and how often it was seen, as Have I
/// Been Pwned publishes it; those that were seen less often are left out.
pub fn build_breached_passwords(list: &Path, file: &Path, seen_at_least: u64) -> io::Result<Built> {
    let (mut passwords, mut lines) = (0, 0);
    each(list, |line| {
        lines += 1;
        passwords += u64::from(hash_of(line, seen_at_least).is_some());
    })?;
    let expected = usize::try_from(passwords.max(1)).map_err(|_| not_ours())?;
    let bits = optimal_size(expected, FALSE_POSITIVES);
    let mut filter = BloomFilter::with_num_bits(bits).hashes(optimal_hashes(bits, expected));
    each(list, |line| {
        if let Some(hash) = hash_of(line, seen_at_least) {
            filter.insert_hash(hash);
        }
    })?;
    Breached(filter).write(file)?;
    Ok(Built { passwords, skipped: lines - passwords })
}

fn each(list: &Path, mut line: impl FnMut(&str)) -> io::Result<()> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(list)?);
    let mut text = String::new();
    while file.read_line(&mut text)? > 0 {
        line(text.trim());
        text.clear();
    }
    Ok(())
}

fn hash_of(line: &str, seen_at_least: u64) -> Option<u64> {
    let (sha1, seen) = match line.split_once(':') {
        Some((sha1, seen)) => (sha1, seen.parse().ok()?),
        None => (line, u64::MAX),
    };
    let ours = sha1.len() == 40 && sha1.bytes().all(|byte| byte.is_ascii_hexdigit()) && seen >= seen_at_least;
    ours.then(|| u64::from_str_radix(&sha1[..16], 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use nexus_kernel::blobs::hex;

    use super::*;

    fn sha1(password: &str) -> String {
        hex(&Sha1::digest(password.as_bytes())).to_uppercase()
    }

    #[test]
    fn what_is_in_the_list_is_found_and_hardly_anything_else() {
        let folder = tempfile::tempdir().unwrap();
        let (list, file) = (folder.path().join("list.txt"), folder.path().join("breached"));
        let lines: Vec<String> =
            (0..5_000).map(|n| format!("{}:{}", sha1(&format!("secret number {n}")), n + 1)).collect();
        std::fs::write(&list, format!("{}\nnonsense\n{}\n", lines.join("\r\n"), sha1("correct horse battery")))
            .unwrap();
        let built = build_breached_passwords(&list, &file, 11).unwrap();
        assert_eq!(built, Built { passwords: 4_991, skipped: 11 });
        let breached = Breached::read(&file).unwrap();
        let has = |password: &str| breached.has(&Secret::from(password));
        assert!((10..5_000).all(|n| has(&format!("secret number {n}"))) && has("correct horse battery"));
        let wrong = (0..10_000).filter(|n| has(&format!("another secret {n}"))).count();
        assert!(wrong < 40, "{wrong} of 10,000");
    }

    #[test]
    fn a_file_that_is_not_ours_or_was_cut_off_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (list, file) = (folder.path().join("list.txt"), folder.path().join("breached"));
        std::fs::write(&list, sha1("password")).unwrap();
        build_breached_passwords(&list, &file, 0).unwrap();
        let whole = std::fs::read(&file).unwrap();
        assert!(Breached::read(&file).is_ok());
        for broken in [&whole[..whole.len() - 1], &whole[..10], b"", &[&whole[..], b"x"].concat(), &[b'x'; 100]] {
            std::fs::write(&file, broken).unwrap();
            assert!(Breached::read(&file).is_err());
        }
        assert!(Breached::read(&folder.path().join("absent")).is_err());
    }
}
