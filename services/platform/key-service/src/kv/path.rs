//! Where a secret is, and whose place that is.

use std::fmt;

use nexus_kernel::{Resource, TenantId, UserId};

use crate::error::Error;

/// The longest path, in bytes, and the most folders in it.
const MAX_LENGTH: usize = 512;
const MAX_FOLDERS: usize = 32;

/// The path of a secret: segments between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(String);

/// A folder: empty for the root, else with a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder(String);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(path: &str) -> Result<(), Error> {
    let segments = path.split('/');
    let bad = |segment: &str| {
        segment.is_empty()
            || segment == "."
            || segment == ".."
            || segment.trim() != segment
            || segment.chars().any(char::is_control)
    };
    if path.len() > MAX_LENGTH || segments.clone().count() > MAX_FOLDERS || segments.into_iter().any(bad) {
        return Err(Error::invalid(format!(
            "a path has at most {MAX_LENGTH} bytes in at most {MAX_FOLDERS} segments, none of them empty, `.` or `..`, and no spaces at their ends"
        )));
    }
    Ok(())
}

impl Path {
    /// A path as a client names it.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that it is in.
    pub(crate) fn folder(&self) -> Folder {
        Folder(self.0.rfind('/').map_or_else(String::new, |slash| self.0[..=slash].to_owned()))
    }

    /// The secret, for the policies.
    pub(crate) fn resource(&self, tenant: TenantId) -> Resource {
        place(&self.0, tenant)
    }

    /// How the log calls it.
    pub(crate) fn target(&self) -> String {
        format!("secret/{}", self.0)
    }
}

impl Folder {
    /// A folder as a client names it, with or without a slash at its end.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self(String::new()));
        }
        check(text)?;
        Ok(Self(format!("{text}/")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// This folder and those that it is in, from within; the root is none of them.
    pub(crate) fn up(&self) -> impl Iterator<Item = Folder> + '_ {
        let mut next = Some(self.clone());
        std::iter::from_fn(move || {
            let folder = next.take().filter(|folder| !folder.0.is_empty())?;
            next = Some(folder.parent());
            Some(folder)
        })
    }

    /// The folder that it is in.
    pub(crate) fn parent(&self) -> Self {
        let inner = self.0.strip_suffix('/').unwrap_or(&self.0);
        Self(inner.rfind('/').map_or_else(String::new, |slash| inner[..=slash].to_owned()))
    }

    /// The folder, for the policies.
    pub(crate) fn resource(&self, tenant: TenantId) -> Resource {
        place(&self.0, tenant)
    }

    /// How the log calls it.
    pub(crate) fn target(&self) -> String {
        format!("secret/{}", self.0)
    }
}

/// Whose place it is: `users/<id>/` is that person's, `shared/` everybody's, all other places the organisation's.
fn place(path: &str, tenant: TenantId) -> Resource {
    let resource = Resource::new("Secret", path).tenant(tenant);
    match path.split_once('/') {
        Some(("users", rest)) => match rest.split('/').next().and_then(|id| id.parse::<UserId>().ok()) {
            Some(owner) => resource.owner(owner).text("place", "personal"),
            None => resource.text("place", "organisation"),
        },
        Some(("shared", _)) => resource.text("place", "shared"),
        _ => resource.text("place", "organisation"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_leads_up_to_the_root(path in "[a-c ./]{0,20}") {
            if let Ok(path) = Path::parse(&path) {
                let up: Vec<Folder> = path.folder().up().collect();
                prop_assert_eq!(up.len(), path.as_str().matches('/').count());
                for pair in up.windows(2) {
                    prop_assert_eq!(&pair[0].parent(), &pair[1]);
                    prop_assert!(pair[0].as_str().starts_with(pair[1].as_str()));
                }
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_path() {
        for text in ["", "/a", "a/", "a//b", ".", "a/../b", "a/ b", "a\nb", &"a".repeat(513), &"a/".repeat(40)] {
            assert!(Path::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Folder::parse("a/b/").unwrap(), Folder::parse("a/b").unwrap());
        assert_eq!(Folder::parse("").unwrap().up().count(), 0);
    }
}
