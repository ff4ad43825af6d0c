//! The resources that directories write: people and groups (RFC 7643 sections 4 and 4.3), and the attributes of each.

use super::attribute::{Attribute, Kind, named};

/// A schema (RFC 7643 section 7).
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) attributes: &'static [Attribute],
}

/// A kind of resource (RFC 7643 section 6).
#[derive(Debug)]
pub(crate) struct ResourceType {
    /// Its name, which is also its id.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// Where its resources are, after the server's base.
    pub(crate) endpoint: &'static str,
    pub(crate) schema: &'static Schema,
    pub(crate) extensions: &'static [&'static Schema],
    /// All attributes: those that every resource has, those of the schema, and each extension as one with parts.
    pub(crate) attributes: &'static [Attribute],
}

const META: &[Attribute] = &[
    Attribute::text("resourceType", "The kind of resource").read_only().exact(),
    Attribute { kind: Kind::Moment, ..Attribute::text("created", "When it was made") }.read_only(),
    Attribute { kind: Kind::Moment, ..Attribute::text("lastModified", "When it last changed") }.read_only(),
    Attribute::reference("location", &["uri"], "Its address").read_only(),
    Attribute::text("version", "Its version").read_only().exact(),
];
const ID: Attribute = Attribute::text("id", "The resource's id").read_only().exact().always();
const EXTERNAL_ID: Attribute = Attribute::text("externalId", "The directory's own id").exact();
const META_ATTRIBUTE: Attribute = Attribute::complex("meta", META, "What the service knows of it").read_only();

const NAME: &[Attribute] = &[
    Attribute::text("formatted", "The whole name, as it is shown"),
    Attribute::text("familyName", "The family name"),
    Attribute::text("givenName", "The given name"),
    Attribute::text("middleName", "The middle names"),
    Attribute::text("honorificPrefix", "What stands before the name, as \"Dr.\""),
    Attribute::text("honorificSuffix", "What stands after the name, as \"III\""),
];
const TYPE: Attribute = Attribute::text("type", "What it is for").canonical(&["work", "home", "other"]);
const PRIMARY: Attribute = Attribute::boolean("primary", "Whether it is the one to use first");
const DISPLAY: Attribute = Attribute::text("display", "How it is shown");
const EMAILS: &[Attribute] = &[Attribute::text("value", "The address").required(), DISPLAY, TYPE, PRIMARY];
const PHONES: &[Attribute] = &[
    Attribute::text("value", "The number"),
    DISPLAY,
    Attribute::text("type", "What it is for").canonical(&["work", "home", "mobile", "fax", "pager", "other"]),
    PRIMARY,
];
const ADDRESSES: &[Attribute] = &[
    Attribute::text("formatted", "The whole address, as it is written on a letter"),
    Attribute::text("streetAddress", "The street and the house"),
    Attribute::text("locality", "The city"),
    Attribute::text("region", "The state or region"),
    Attribute::text("postalCode", "The postal code"),
    Attribute::text("country", "The country, as ISO 3166-1 alpha-2"),
    TYPE,
    PRIMARY,
];
const USER_GROUPS: &[Attribute] = &[
    Attribute::text("value", "The group's id").read_only().exact(),
    Attribute::reference("$ref", &["Group"], "The group's address").read_only(),
    Attribute::text("display", "The group's name").read_only(),
    Attribute::text("type", "How the person is in it").read_only().canonical(&["direct"]),
];
const ROLES: &[Attribute] = &[
    Attribute::text("value", "The role").read_only().canonical(&["owner", "admin", "editor", "member"]),
    Attribute::boolean("primary", "Whether it is the one that lets the person do most").read_only(),
];
const USER_NAME: Attribute =
    Attribute::text("userName", "The name that the directory knows the person by").required().unique().always();
const USER: &[Attribute] = &[
    USER_NAME,
    Attribute::complex("name", NAME, "The parts of the person's name"),
    Attribute::text("displayName", "The person's name, as others see it"),
    Attribute::text("nickName", "What the person is called"),
    Attribute::reference("profileUrl", &["external"], "A page about the person"),
    Attribute::text("title", "The person's title, as \"Editor\""),
    Attribute::text("userType", "What the person is to the organisation, as \"Contractor\""),
    Attribute::text("preferredLanguage", "The person's language, as in Accept-Language"),
    Attribute::text("locale", "Where the person is, for formats, as \"en-GB\""),
    Attribute::text("timezone", "The person's time zone, as \"Europe/Berlin\""),
    Attribute::boolean("active", "Whether the account may be used"),
    Attribute::complex("emails", EMAILS, "Addresses; the person signs in with the primary one").many().required(),
    Attribute::complex("phoneNumbers", PHONES, "Telephone numbers").many(),
    Attribute::complex("addresses", ADDRESSES, "Postal addresses").many(),
    Attribute::complex("groups", USER_GROUPS, "The groups that the person is in").many().read_only(),
    Attribute::complex("roles", ROLES, "What the person may do").many().read_only(),
];

const MANAGER: &[Attribute] = &[
    Attribute::text("value", "The manager's id").exact(),
    Attribute::reference("$ref", &["User"], "The manager's address"),
    Attribute::text("displayName", "The manager's name"),
];
const ENTERPRISE: &[Attribute] = &[
    Attribute::text("employeeNumber", "The number that the organisation gave the person"),
    Attribute::text("costCenter", "The cost centre"),
    Attribute::text("organization", "The organisation"),
    Attribute::text("division", "The division"),
    Attribute::text("department", "The department"),
    Attribute::complex("manager", MANAGER, "The person's manager"),
];

const MEMBERS: &[Attribute] = &[
    Attribute::text("value", "The member's id").exact().immutable(),
    Attribute::reference("$ref", &["User"], "The member's address").immutable(),
    Attribute::text("type", "The kind of member").immutable().canonical(&["User"]),
];
const GROUP: &[Attribute] = &[
    Attribute::text("displayName", "The group's name").required().unique().always(),
    Attribute::complex("members", MEMBERS, "The people in the group").many(),
];

/// People.
pub(crate) static USER_SCHEMA: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:User",
    name: "User",
    description: "A person's account",
    attributes: USER,
};
/// What organisations say of people besides.
pub(crate) static ENTERPRISE_SCHEMA: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    name: "EnterpriseUser",
    description: "A person's place in an organisation",
    attributes: ENTERPRISE,
};
/// Groups.
pub(crate) static GROUP_SCHEMA: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:Group",
    name: "Group",
    description: "A group of people",
    attributes: GROUP,
};
/// All schemas.
pub(crate) static SCHEMAS: [&Schema; 3] = [&USER_SCHEMA, &ENTERPRISE_SCHEMA, &GROUP_SCHEMA];

const ENTERPRISE_ATTRIBUTE: Attribute =
    Attribute::complex("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", ENTERPRISE, "The extension");

const fn all<const MORE: usize, const ALL: usize>(
    more: [Attribute; MORE],
    own: &'static [Attribute],
) -> [Attribute; ALL] {
    let mut all = [ID; ALL];
    let mut next = 0;
    while next < own.len() {
        all[next] = own[next];
        next += 1;
    }
    let mut added = 0;
    while added < MORE {
        all[next + added] = more[added];
        added += 1;
    }
    all
}

static USER_ATTRIBUTES: [Attribute; 20] = all([ID, EXTERNAL_ID, META_ATTRIBUTE, ENTERPRISE_ATTRIBUTE], USER);
static GROUP_ATTRIBUTES: [Attribute; 5] = all([ID, EXTERNAL_ID, META_ATTRIBUTE], GROUP);

/// People.
pub(crate) static USERS: ResourceType = ResourceType {
    name: "User",
    description: "A person's account",
    endpoint: "/Users",
    schema: &USER_SCHEMA,
    extensions: &[&ENTERPRISE_SCHEMA],
    attributes: &USER_ATTRIBUTES,
};
/// Groups.
pub(crate) static GROUPS: ResourceType = ResourceType {
    name: "Group",
    description: "A group of people",
    endpoint: "/Groups",
    schema: &GROUP_SCHEMA,
    extensions: &[],
    attributes: &GROUP_ATTRIBUTES,
};
/// All kinds of resource.
pub(crate) static RESOURCE_TYPES: [&ResourceType; 2] = [&USERS, &GROUPS];

/// The way from a resource to one of its attributes: the attribute itself, inside its extension where it is of one, and the
/// part that is meant.
pub(crate) type Steps = Vec<&'static Attribute>;

impl ResourceType {
    /// What a name means (RFC 7644 section 3.10): `userName`, `name.familyName`, each also after the schema's URN and a colon,
    /// or an extension's URN alone.
    pub(crate) fn resolve(&self, name: &str) -> Option<Steps> {
        if let Some(rest) = after_urn(name, self.schema.id) {
            return attribute_of(self.attributes, rest);
        }
        for extension in self.extensions {
            let step = named(self.attributes, extension.id)?;
            if name.eq_ignore_ascii_case(extension.id) {
                return Some(vec![step]);
            }
            if let Some(rest) = after_urn(name, extension.id) {
                let mut steps = attribute_of(step.parts(), rest)?;
                steps.insert(0, step);
                return Some(steps);
            }
        }
        attribute_of(self.attributes, name)
    }
}

fn after_urn<'a>(name: &'a str, urn: &str) -> Option<&'a str> {
    let (before, rest) = name.split_at_checked(urn.len())?;
    if before.eq_ignore_ascii_case(urn) { rest.strip_prefix(':') } else { None }
}

/// `attribute` or `attribute.part` among these.
pub(crate) fn attribute_of(attributes: &'static [Attribute], name: &str) -> Option<Steps> {
    let (first, part) = name.split_once('.').map_or((name, None), |(first, part)| (first, Some(part)));
    let attribute = named(attributes, first)?;
    match part {
        None => Some(vec![attribute]),
        Some(part) => Some(vec![attribute, named(attribute.parts(), part)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(resource: &ResourceType, name: &str) -> Option<Vec<&'static str>> {
        resource.resolve(name).map(|steps| steps.iter().map(|step| step.name).collect())
    }

    #[test]
    fn a_name_means_an_attribute_however_it_is_written() {
        for name in ["userName", "USERNAME", "urn:ietf:params:scim:schemas:core:2.0:User:userName"] {
            assert_eq!(names(&USERS, name), Some(vec!["userName"]), "{name}");
        }
        assert_eq!(names(&USERS, "name.familyname"), Some(vec!["name", "familyName"]));
        assert_eq!(names(&USERS, "meta.lastModified"), Some(vec!["meta", "lastModified"]));
        let enterprise = ENTERPRISE_SCHEMA.id;
        assert_eq!(names(&USERS, enterprise), Some(vec![enterprise]));
        let manager = format!("{enterprise}:manager.value");
        assert_eq!(names(&USERS, &manager), Some(vec![enterprise, "manager", "value"]));
    }

    #[test]
    fn what_is_no_attribute_means_nothing() {
        for name in ["", ".", "name.", "name.familyName.x", "nobody", "userName.x", "urn:x:userName", "members"] {
            assert_eq!(names(&USERS, name), None, "{name}");
        }
        assert!(GROUPS.resolve("userName").is_none());
    }

    #[test]
    fn every_attribute_is_there_once() {
        for resource in RESOURCE_TYPES {
            for attribute in resource.attributes {
                let same = resource.attributes.iter().filter(|other| other.name == attribute.name).count();
                assert_eq!(same, 1, "{}", attribute.name);
            }
        }
    }
}
