//! Where browsers may be sent back to: addresses that an application registered, compared letter by letter.

use url::{Host, Url};

/// The longest address, in bytes.
const MAX_BYTES: usize = 2_000;

/// Says what is wrong with an address that an application wants to register.
pub(crate) fn objection(text: &str) -> Option<&'static str> {
    if text.len() > MAX_BYTES {
        return Some("is too long");
    }
    // What parsers read differently is what attackers look for: a backslash, a control character, a letter of another script.
    if !text.bytes().all(|b| b.is_ascii_graphic() && !b"\\<>\"^`{|}*".contains(&b)) {
        return Some("has characters that an address does not have, or a wildcard");
    }
    let Ok(url) = Url::parse(text) else { return Some("is not an absolute address") };
    if url.fragment().is_some() || text.contains('#') {
        return Some("must not have a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Some("must not name a user");
    }
    match url.scheme() {
        "https" if url.has_host() => None,
        "http" if is_loopback(&url) => None,
        "http" => Some("must be https, except on this machine's own loopback address"),
        // A scheme of an app's own is a domain name turned round (RFC 8252 section 7.1).
        scheme if scheme.contains('.') => None,
        _ => Some("must be https, http on a loopback address, or an app's own scheme such as com.example.app"),
    }
}

/// Says what is wrong with an address that this service itself calls.
pub(crate) fn objection_to_call(text: &str) -> Option<&'static str> {
    match objection(text) {
        None if !text.starts_with("http") => Some("must be https"),
        other => other,
    }
}

/// Whether what a request names is what was registered: the same text, or the same on another port of the machine's own
/// loopback address, where an app takes the port that is free (RFC 8252 section 7.3).
pub(crate) fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    if objection(asked).is_some() {
        return false;
    }
    match (without_port(registered), without_port(asked)) {
        (Some(registered), Some(asked)) => registered == asked,
        _ => false,
    }
}

/// Whether what is behind the address is known to be who registered it: nobody else answers there.
pub(crate) fn proves_its_owner(text: &str) -> bool {
    text.starts_with("https://")
}

/// The address with these parameters added to its query.
pub(crate) fn with(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        query.append_pair(name, value);
    }
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{}", query.finish())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// An http address on the loopback interface, without its port. By number only: a name may be another machine's.
fn without_port(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let by_number = matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
    if url.scheme() != "http" || !by_number || !is_loopback(&url) {
        return None;
    }
    url.set_port(None).ok()?;
    Some(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_addresses_that_lead_to_one_place_can_be_registered() {
        for good in [
            "https://rp.example/cb",
            "https://rp.example/cb?tenant=1",
            "http://127.0.0.1:8080/cb",
            "http://[::1]/cb",
            "http://localhost:3000/cb",
            "com.example.app:/oauth",
        ] {
            assert_eq!(objection(good), None, "{good}");
        }
        for bad in [
            "",
            "/cb",
            "//rp.example/cb",
            "http://rp.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "https://rp.example/cb#f",
            "https://rp.example@evil.example/cb",
            "https://*.example/cb",
            "https://rp.example\\@evil.example/cb",
            "https://rp.example/cb\r\nX: y",
            "https://rp.exämple/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "app:/cb",
        ] {
            assert!(objection(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn tricks_do_not_match() {
        let registered = "https://rp.example/cb";
        for asked in [
            "https://rp.example/cb/",
            "https://rp.example/cb?x=1",
            "https://rp.example/CB",
            "https://rp.example/cb/../evil",
            "https://rp.example/cb%2e",
            "https://rp.example:443/cb",
            "https://rp.example.evil.example/cb",
            "https://evil.example/https://rp.example/cb",
            "HTTPS://rp.example/cb",
        ] {
            assert!(!matches(registered, asked), "{asked}");
        }
        assert!(matches(registered, registered));
    }

    #[test]
    fn an_app_on_the_machine_itself_takes_any_port() {
        assert!(matches("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"));
        assert!(matches("http://[::1]:1/cb", "http://[::1]:2/cb"));
        assert!(!matches("http://127.0.0.1/cb", "http://127.0.0.1:51004/other"));
        assert!(!matches("http://127.0.0.1/cb", "http://127.0.0.2/cb"));
        assert!(!matches("http://localhost/cb", "http://localhost:51004/cb"));
        assert!(!matches("http://127.0.0.1/cb", "http://x@127.0.0.1/cb"));
    }

    #[test]
    fn parameters_are_added_to_what_is_there() {
        assert_eq!(with("https://rp.example/cb", &[("code", "a b")]), "https://rp.example/cb?code=a+b");
        assert_eq!(with("https://rp.example/cb?x=1", &[("state", "&")]), "https://rp.example/cb?x=1&state=%26");
    }

    proptest! {
        #[test]
        fn what_can_be_registered_matches_itself_and_keeps_its_place(path in "[a-z0-9/._~-]{0,20}", value in ".{0,20}") {
            let uri = format!("https://rp.example/{path}");
            prop_assert!(objection(&uri).is_none() && matches(&uri, &uri));
            let sent = Url::parse(&with(&uri, &[("state", &value)])).unwrap();
            prop_assert_eq!(sent.host_str(), Some("rp.example"));
            prop_assert_eq!(sent.query_pairs().next().unwrap().1.into_owned(), value);
        }
    }
}
