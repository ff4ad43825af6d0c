//! A filter as SQL. The text is made of constants alone: all that a client wrote goes along as parameters. Each condition is a
//! look into an index of `directory_values`, whose rows are one value of one attribute each.

use nexus_kernel::store::Value;

use super::attribute::{Attribute, Kind, MAX_CHARACTERS};
use super::filter::{Filter, Operator, moment};
use super::schema::{ResourceType, Steps, USERS};

/// What is looked for among a kind of resource, as pieces of a statement about `r`, a row of theirs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// What holds for the rows that are found.
    pub(crate) condition: String,
    order: String,
    params: Vec<Value>,
    params_of_condition: usize,
}

/// In which order results come.
#[derive(Debug, Clone)]
pub(crate) struct Sorting {
    pub(crate) by: Steps,
    pub(crate) descending: bool,
}

impl Search {
    /// The resources of which a filter holds, or all of them.
    pub(crate) fn new(resource: &'static ResourceType, filter: Option<&Filter>, sorting: Option<&Sorting>) -> Self {
        let mut writer = Writer { resource, sql: String::new(), params: Vec::new() };
        match filter {
            Some(filter) => writer.filter(filter),
            None => writer.sql.push_str("1 = 1"),
        }
        let condition = std::mem::take(&mut writer.sql);
        let params_of_condition = writer.params.len();
        if let Some(sorting) = sorting {
            writer.order(sorting);
        }
        Self { condition, order: writer.sql, params: writer.params, params_of_condition }
    }

    /// The parameters of the condition alone.
    pub(crate) fn params_of_condition(&self) -> Vec<Value> {
        self.params.iter().take(self.params_of_condition).cloned().collect()
    }

    /// The end of a statement that returns so many rows from this place on, and the parameters of all of it.
    pub(crate) fn page(&self, from: i64, most: i64) -> (String, Vec<Value>) {
        let mut params = self.params.clone();
        params.extend([Value::Int(most), Value::Int(from)]);
        let (order, count) = (&self.order, params.len());
        let page = format!("ORDER BY {order}r.id LIMIT CAST(${} AS BIGINT) OFFSET CAST(${count} AS BIGINT)", count - 1);
        (page, params)
    }
}

/// Where an attribute's values are.
enum Place {
    /// In a column of the resource's own row.
    Column(&'static str),
    /// Whether an account may be used.
    Active,
    /// In `group_members`: the groups of a person, or the people of a group.
    Membership,
    /// In `directory_values`: the name of the attribute and the part.
    Values(String, &'static str),
    /// Nowhere: the service makes it up for each reply.
    Nowhere,
}

struct Writer {
    resource: &'static ResourceType,
    sql: String,
    params: Vec<Value>,
}

impl Writer {
    fn param(&mut self, value: impl Into<Value>) {
        self.params.push(value.into());
        let kind = if matches!(self.params.last(), Some(Value::Text(_))) { "TEXT" } else { "BIGINT" };
        self.push(&["CAST($", &self.params.len().to_string(), " AS ", kind, ")"]);
    }

    fn push(&mut self, pieces: &[&str]) {
        self.sql.extend(pieces.iter().copied());
    }

    fn place(&self, steps: &Steps) -> Place {
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        let of_people = std::ptr::eq(self.resource, &raw const USERS);
        match names[..] {
            ["id"] => Place::Column("r.id"),
            ["meta", "created"] => Place::Column("r.created_at"),
            ["meta", "lastModified"] => Place::Column("r.updated_at"),
            ["active"] => Place::Active,
            ["members" | "groups"] | ["members" | "groups", "value"] => Place::Membership,
            ["meta" | "members" | "groups" | "roles", ..] => Place::Nowhere,
            [extension, attribute] if of_people && extension.starts_with("urn:") => {
                Place::Values(format!("{extension}:{attribute}"), "")
            }
            [extension, attribute, part] if of_people && extension.starts_with("urn:") => {
                Place::Values(format!("{extension}:{attribute}"), part_of(steps, part))
            }
            [attribute] => Place::Values(attribute.to_owned(), ""),
            [attribute, part] => Place::Values(attribute.to_owned(), part_of(steps, part)),
            _ => Place::Nowhere,
        }
    }

    /// What has no value comes last, or first where the order is turned round (RFC 7644 section 3.4.2.3).
    fn order(&mut self, sorting: &Sorting) {
        let mut value = Self { resource: self.resource, sql: String::new(), params: std::mem::take(&mut self.params) };
        value.sort_key(&sorting.by);
        self.params = value.params;
        if !value.sql.is_empty() {
            let (key, direction) = (value.sql, if sorting.descending { "DESC" } else { "ASC" });
            self.sql = format!("CASE WHEN {key} IS NULL THEN 1 ELSE 0 END {direction}, {key} {direction}, ");
        }
    }

    fn sort_key(&mut self, by: &Steps) {
        match self.place(by) {
            Place::Column(column) => self.sql.push_str(column),
            Place::Active => self.sql.push_str("CASE WHEN r.deactivated_at IS NULL THEN 1 ELSE 0 END"),
            Place::Values(attribute, part) => {
                // By the primary value, or else by the first (RFC 7644 section 3.4.2.3).
                self.sql.push_str(
                    "(SELECT v.value FROM directory_values v LEFT JOIN directory_values p ON p.resource_id = v.resource_id
                       AND p.attribute = v.attribute AND p.position = v.position AND p.part = 'primary' AND p.value = 'true'
                      WHERE v.tenant_id = r.tenant_id AND v.resource_id = r.id AND v.attribute = ",
                );
                self.param(attribute);
                self.sql.push_str(" AND v.part = ");
                self.param(part);
                self.sql.push_str(" ORDER BY CASE WHEN p.value IS NULL THEN 1 ELSE 0 END, v.position LIMIT 1)");
            }
            Place::Membership | Place::Nowhere => {}
        }
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::And(left, right) => self.joined(left, " AND ", right),
            Filter::Or(left, right) => self.joined(left, " OR ", right),
            Filter::Not(inner) => {
                self.sql.push_str("NOT (");
                self.filter(inner);
                self.sql.push(')');
            }
            Filter::Present(steps) => self.present(steps),
            Filter::Compare(steps, Operator::Eq, wanted) if wanted.is_null() => self.negated(|all| all.present(steps)),
            Filter::Compare(steps, Operator::Ne, wanted) if wanted.is_null() => self.present(steps),
            Filter::Compare(steps, Operator::Ne, wanted) => {
                self.negated(|all| all.compare(steps, Operator::Eq, wanted));
            }
            Filter::Compare(steps, operator, wanted) => self.compare(steps, *operator, wanted),
            Filter::One(steps, inner) => self.one(steps, inner),
        }
    }

    fn joined(&mut self, left: &Filter, with: &str, right: &Filter) {
        self.sql.push('(');
        self.filter(left);
        self.sql.push_str(with);
        self.filter(right);
        self.sql.push(')');
    }

    fn negated(&mut self, inner: impl FnOnce(&mut Self)) {
        self.sql.push_str("NOT (");
        inner(self);
        self.sql.push(')');
    }

    fn present(&mut self, steps: &Steps) {
        match self.place(steps) {
            Place::Column(_) | Place::Active => self.sql.push_str("1 = 1"),
            Place::Membership => {
                self.memberships();
                self.sql.push(')');
            }
            Place::Values(attribute, part) => {
                self.sql.push_str(
                    "r.id IN (SELECT v.resource_id FROM directory_values v WHERE v.tenant_id = :tenant AND v.attribute = ",
                );
                self.param(attribute);
                // An attribute with parts is there when one of its parts is.
                if steps.last().is_some_and(|last| last.parts().is_empty()) {
                    self.sql.push_str(" AND v.part = ");
                    self.param(part);
                }
                self.sql.push(')');
            }
            Place::Nowhere => self.sql.push_str(if steps[0].name == "meta" { "1 = 1" } else { "1 = 0" }),
        }
    }

    /// Up to the end of the inner condition, which is left open.
    fn memberships(&mut self) {
        self.sql.push_str(if std::ptr::eq(self.resource, &raw const USERS) {
            "r.id IN (SELECT m.user_id FROM group_members m WHERE m.tenant_id = :tenant"
        } else {
            "r.id IN (SELECT m.group_id FROM group_members m WHERE m.tenant_id = :tenant"
        });
    }

    fn compare(&mut self, steps: &Steps, operator: Operator, wanted: &serde_json::Value) {
        let Some(attribute) = steps.last() else { return };
        match self.place(steps) {
            Place::Column("r.id") => self.text("r.id", operator, attribute, wanted),
            Place::Column(column) => self.moment(column, operator, wanted),
            Place::Active => {
                self.sql.push_str(if wanted == true {
                    "r.deactivated_at IS NULL"
                } else {
                    "r.deactivated_at IS NOT NULL"
                });
            }
            Place::Membership => {
                let of_people = std::ptr::eq(self.resource, &raw const USERS);
                self.memberships();
                self.sql.push_str(" AND ");
                self.text(if of_people { "m.group_id" } else { "m.user_id" }, operator, attribute, wanted);
                self.sql.push(')');
            }
            Place::Values(name, part) => {
                self.sql.push_str(
                    "r.id IN (SELECT v.resource_id FROM directory_values v WHERE v.tenant_id = :tenant AND v.attribute = ",
                );
                self.param(name);
                self.sql.push_str(" AND v.part = ");
                self.param(part);
                self.sql.push_str(" AND ");
                self.text("v.value", operator, attribute, wanted);
                self.sql.push(')');
            }
            Place::Nowhere => self.sql.push_str("1 = 0"),
        }
    }

    fn moment(&mut self, column: &str, operator: Operator, wanted: &serde_json::Value) {
        let Some(wanted) = wanted.as_str().and_then(moment) else { return self.sql.push_str("1 = 0") };
        let sign = match operator {
            Operator::Gt => ">",
            Operator::Ge => ">=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Eq | Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => "=",
        };
        self.push(&[column, " ", sign, " "]);
        self.param(wanted);
    }

    /// Functions and operators that mean the same on both databases, and no patterns in which a client's text could mean more.
    fn text(&mut self, column: &str, operator: Operator, attribute: &Attribute, wanted: &serde_json::Value) {
        let wanted = match wanted {
            serde_json::Value::String(text) => attribute.key(text),
            other => other.to_string(),
        };
        let sign = match operator {
            Operator::Eq | Operator::Ne => "=",
            Operator::Gt => ">",
            Operator::Ge => ">=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            // Every text contains the empty one.
            Operator::Co | Operator::Sw | Operator::Ew if wanted.is_empty() => return self.sql.push_str("1 = 1"),
            Operator::Co => {
                self.push(&["replace(", column, ", "]);
                self.param(wanted);
                return self.push(&[", '') <> ", column]);
            }
            Operator::Sw => {
                let length = length(&wanted);
                self.push(&["substr(", column, ", 1, ", &length, ") = "]);
                return self.param(wanted);
            }
            Operator::Ew => {
                let length = length(&wanted);
                self.push(&[
                    "length(",
                    column,
                    ") >= ",
                    &length,
                    " AND substr(",
                    column,
                    ", length(",
                    column,
                    ") - ",
                    &length,
                ]);
                self.sql.push_str(" + 1) = ");
                return self.param(wanted);
            }
        };
        self.push(&[column, " ", sign, " "]);
        self.param(wanted);
    }

    /// One value is like this: all parts that the brackets speak of are at the same position.
    fn one(&mut self, steps: &Steps, inner: &Filter) {
        match self.place(steps) {
            Place::Membership => {
                self.memberships();
                self.sql.push_str(" AND ");
                self.member(inner);
                self.sql.push(')');
            }
            Place::Values(attribute, _) => {
                self.sql.push_str(
                    "r.id IN (SELECT e.resource_id FROM directory_values e WHERE e.tenant_id = :tenant AND e.attribute = ",
                );
                self.param(attribute);
                self.sql.push_str(" AND ");
                self.element(inner);
                self.sql.push(')');
            }
            Place::Column(_) | Place::Active | Place::Nowhere => self.sql.push_str("1 = 0"),
        }
    }

    /// A condition on one membership; of it only the value is stored.
    fn member(&mut self, inner: &Filter) {
        let of_people = std::ptr::eq(self.resource, &raw const USERS);
        let column = if of_people { "m.group_id" } else { "m.user_id" };
        match inner {
            Filter::And(left, right) => self.pair(left, " AND ", right, Self::member),
            Filter::Or(left, right) => self.pair(left, " OR ", right, Self::member),
            Filter::Not(inner) => self.negated(|all| all.member(inner)),
            Filter::Present(steps) => self.sql.push_str(if is_value(steps) { "1 = 1" } else { "1 = 0" }),
            Filter::Compare(steps, Operator::Ne, wanted) if is_value(steps) && !wanted.is_null() => {
                self.negated(|all| all.text(column, Operator::Eq, steps[0], wanted));
            }
            Filter::Compare(steps, operator, wanted) if is_value(steps) && !wanted.is_null() => {
                self.text(column, *operator, steps[0], wanted);
            }
            Filter::Compare(..) | Filter::One(..) => self.sql.push_str("1 = 0"),
        }
    }

    fn pair(&mut self, left: &Filter, with: &str, right: &Filter, each: impl Fn(&mut Self, &Filter)) {
        self.sql.push('(');
        each(self, left);
        self.sql.push_str(with);
        each(self, right);
        self.sql.push(')');
    }

    /// A condition on the value that `e` is a part of.
    fn element(&mut self, inner: &Filter) {
        match inner {
            Filter::And(left, right) => self.pair(left, " AND ", right, Self::element),
            Filter::Or(left, right) => self.pair(left, " OR ", right, Self::element),
            Filter::Not(inner) => self.negated(|all| all.element(inner)),
            Filter::Present(steps) => self.part(steps, None),
            Filter::Compare(steps, Operator::Eq, wanted) if wanted.is_null() => {
                self.negated(|all| all.part(steps, None));
            }
            Filter::Compare(steps, Operator::Ne, wanted) if wanted.is_null() => self.part(steps, None),
            Filter::Compare(steps, Operator::Ne, wanted) => {
                self.negated(|all| all.part(steps, Some((Operator::Eq, wanted))));
            }
            Filter::Compare(steps, operator, wanted) => self.part(steps, Some((*operator, wanted))),
            Filter::One(..) => self.sql.push_str("1 = 0"),
        }
    }

    fn part(&mut self, steps: &Steps, wanted: Option<(Operator, &serde_json::Value)>) {
        self.sql.push_str(
            "EXISTS (SELECT 1 FROM directory_values v WHERE v.tenant_id = :tenant AND v.resource_id = e.resource_id
             AND v.attribute = e.attribute AND v.position = e.position AND v.part = ",
        );
        self.param(steps[0].name);
        if let Some((operator, wanted)) = wanted {
            self.sql.push_str(" AND ");
            self.text("v.value", operator, steps[0], wanted);
        }
        self.sql.push(')');
    }
}

/// How many characters a text has. It is part of the statement, so it is no more than the longest value and one.
fn length(text: &str) -> String {
    text.chars().count().min(MAX_CHARACTERS + 1).to_string()
}

fn is_value(steps: &Steps) -> bool {
    steps.len() == 1 && steps[0].name == "value"
}

fn part_of(steps: &Steps, name: &str) -> &'static str {
    steps.last().map_or("", |last| if last.name == name { last.name } else { "" })
}

/// The rows of `directory_values` for an attribute's value: position, part and value of each.
pub(crate) fn rows(attribute: &Attribute, value: &serde_json::Value) -> Vec<(i64, &'static str, String)> {
    let values = match value {
        serde_json::Value::Array(values) if attribute.many => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut rows = Vec::new();
    for (position, value) in (0_i64..).zip(values) {
        if attribute.parts().is_empty() {
            rows.extend(text_of(attribute, value).map(|text| (position, "", text)));
        }
        for part in attribute.parts() {
            rows.extend(
                value.get(part.name).and_then(|value| text_of(part, value)).map(|text| (position, part.name, text)),
            );
        }
    }
    rows
}

fn text_of(attribute: &Attribute, value: &serde_json::Value) -> Option<String> {
    match (attribute.kind, value) {
        (Kind::Boolean, serde_json::Value::Bool(value)) => Some(value.to_string()),
        (Kind::Text | Kind::Reference(_), serde_json::Value::String(text)) => Some(attribute.key(text)),
        _ => None,
    }
}
