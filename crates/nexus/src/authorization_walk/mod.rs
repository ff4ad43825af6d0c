//! Walks every operation of every service as people who must not get in, through the gateway and past it, and counts whom it
//! let in: nobody.

mod forgery;
mod needed;
mod operation;
mod system;
mod things;

use std::fmt::Write;
use std::time::Duration;

use nexus_kernel::{Role, Service};
use nexus_testkit::{Backend, Reply};

use needed::Needed;
use operation::{Access, Operation, operations};
use system::{Door, System};

const HOUR: Duration = Duration::from_hours(1);

fn everything() -> Vec<Operation> {
    let mut services = super::compose::services();
    services.sort_by_key(Service::name);
    services.iter().flat_map(operations).collect()
}

/// What a walk has seen.
#[derive(Default)]
struct Walk {
    tried: usize,
    admitted: String,
}

impl Walk {
    fn note(&mut self, operation: &Operation, who: &str, reply: &Reply, refused: bool) {
        self.tried += 1;
        if !refused {
            let text: String = reply.text().chars().take(200).collect();
            let (method, path, status) = (&operation.method, &operation.path, reply.status);
            writeln!(self.admitted, "{} {method} {path} as {who}: {status} {text}", operation.id).unwrap();
        }
    }

    fn end(self, name: &str, operations: usize) {
        println!(
            "{name}: {operations} operations, {} requests, {} admitted",
            self.tried,
            self.admitted.lines().count()
        );
        assert!(self.admitted.is_empty(), "{}", self.admitted);
        assert!(self.tried >= operations, "an operation was left out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_good_token() {
    let system = System::start(Backend::Sqlite).await;
    let forgeries = forgery::all(&system).await;
    let closed: Vec<Operation> =
        everything().into_iter().filter(|one| matches!(one.access, Access::Bearer | Access::Optional)).collect();
    let mut walk = Walk::default();
    for operation in &closed {
        for door in [Door::Gateway, Door::Service] {
            if operation.access == Access::Bearer {
                let reply = system.ask(operation, &operation.path, door, None).await;
                walk.note(operation, "nobody", &reply, reply.status == 401);
            }
            for (who, token) in &forgeries {
                let reply = system.ask(operation, &operation.path, door, Some(token)).await;
                walk.note(operation, who, &reply, reply.status == 401);
            }
        }
    }
    walk.end("bad tokens", closed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_with_less_than_the_needed_role_or_from_another_organisation() {
    let system = System::start(Backend::Sqlite).await;
    let needed = needed::read();
    let closed: Vec<Operation> = everything().into_iter().filter(|one| one.access == Access::Bearer).collect();
    needed.agrees_with(&closed);
    let later = system.kit.now().plus(HOUR);
    let mut walk = Walk::default();
    for operation in &closed {
        let path = things::path_of(&system, operation).await;
        let least = needed.of(&operation.id);
        for role in Role::ALL.into_iter().filter(|role| least.refuses(*role)) {
            let token = system.colleague(role);
            for door in [Door::Gateway, Door::Service] {
                let reply = system.ask(operation, &path, door, Some(token)).await;
                walk.note(operation, role.as_str(), &reply, is_refused(&reply));
            }
        }
        let stranger = system.stranger(later).await;
        for door in [Door::Gateway, Door::Service] {
            let reply = system.ask(operation, &path, door, Some(&stranger)).await;
            // Where nothing is named, a stranger sees and makes things of their own organisation; and so do names of keys.
            let names_something = path != operation.path && operation.service != "key-service";
            let refused = if names_something { is_refused(&reply) } else { !system.is_ours(&reply) };
            walk.note(operation, "another organisation's owner", &reply, refused);
        }
        if let Needed::Role(least) = least {
            let insider = system.insider(least).await;
            let reply = system.ask(operation, &path, Door::Gateway, Some(&insider)).await;
            let admitted = !is_kept_out(&reply, path != operation.path);
            assert!(admitted, "{}: {least} should be enough: {} {}", operation.id, reply.status, reply.text());
        }
    }
    walk.end("roles and organisations", closed.len());
}

/// Whether somebody was kept out who should get in. That a password is wrong, or that a person has no authenticator, is told
/// only to whoever got in.
fn is_kept_out(reply: &Reply, names_something: bool) -> bool {
    match reply.status.as_u16() {
        401 => true,
        403 => matches!(reply.code().as_str(), "" | "forbidden" | "insufficient-scope"),
        404 => names_something,
        _ => false,
    }
}

/// Not allowed, or not there for this person.
fn is_refused(reply: &Reply) -> bool {
    matches!(reply.status.as_u16(), 401 | 403 | 404)
}
