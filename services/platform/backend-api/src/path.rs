//! Which paths are taken at all. A path means one thing to the gateway and might mean another to whoever decodes it once more:
//! what could be read in two ways goes nowhere.

use std::borrow::Cow;

/// Why a path is refused; `None` when it is not.
pub(crate) fn objection(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else { return Some("it must begin with a slash") };
    if is_plain(rest) { None } else { look_closer(rest) }
}

fn look_closer(rest: &str) -> Option<&'static str> {
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Some("it has an empty segment");
        }
        let Some(decoded) = decode(segment) else { return Some("its percent-encoding is not valid UTF-8") };
        if decoded == "." || decoded == ".." {
            return Some("it has a dot segment");
        }
        if decoded.chars().any(|character| matches!(character, '/' | '\\') || character.is_control()) {
            return Some("it has an encoded slash, a backslash or a control character");
        }
    }
    None
}

/// Whether there is nothing in it that needs a closer look, as in most paths.
fn is_plain(rest: &str) -> bool {
    let mut before = b'/';
    rest.bytes().all(|byte| {
        let plain = byte.is_ascii_graphic()
            && !matches!(byte, b'%' | b'\\')
            && !(before == b'/' && matches!(byte, b'/' | b'.'));
        before = byte;
        plain
    })
}

/// RFC 3986 section 2.1, strictly.
fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            plain => plain,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_as_people_and_programs_write_them_are_taken() {
        for path in [
            "/",
            "/api/content",
            "/api/content/",
            "/media/caf%C3%A9%20.mp4",
            "/.well-known/jwks.json",
            "/a..b/...",
            "/%25",
        ] {
            assert_eq!(objection(path), None, "{path}");
        }
    }

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_refused() {
        for path in [
            "",
            "*",
            "api",
            "//internal/stats",
            "/api//content",
            "/api/../internal/stats",
            "/api/%2e%2e/internal/stats",
            "/api/.%2E/x",
            "/api/./x",
            "/api/content%2f..%2finternal",
            "/api/content%5cinternal",
            "/api\\internal",
            "/api/%00",
            "/api/%0d%0ax",
            "/api/%zz",
            "/api/%f",
            "/api/%",
            "/api/%ff",
            "/..",
        ] {
            assert!(objection(path).is_some(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_path_has_nothing_that_a_closer_look_would_refuse(path in "(/|\\.|%2e|[a-c]|\\\\|\u{7f}|é){0,8}") {
            let path = path.as_str();
            prop_assert!(!is_plain(path) || look_closer(path).is_none(), "{path}");
        }

        #[test]
        fn a_path_that_is_taken_decodes_to_as_many_segments_and_climbs_nowhere(path in "(/|%2[eEfF]|\\.|%5c|[a-c]|%25|%){0,12}") {
            let path = format!("/{path}");
            if objection(&path).is_none() {
                let decoded = decode(&path).unwrap();
                prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
                prop_assert!(!decoded.split('/').any(|segment| segment == ".."));
            }
        }
    }
}
