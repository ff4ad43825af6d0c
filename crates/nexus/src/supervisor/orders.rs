//! What operators ask for.

use tokio::sync::mpsc;

use super::engine::Engine;
use super::fleet::{Crew, Progress};
use super::protocol::{Reply, Request};
use super::report;

/// What is under way for operators.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// Who wait until a service's processes all serve.
    waiting: Vec<Waiting>,
    /// Who waits for the reload.
    reload: Option<mpsc::Sender<Reply>>,
    renewed: usize,
}

#[derive(Debug)]
struct Waiting {
    services: Vec<String>,
    replies: mpsc::Sender<Reply>,
    done: String,
}

/// An operator who went away does not want to know.
fn tell(replies: &mpsc::Sender<Reply>, reply: Reply) {
    let _ = replies.try_send(reply);
}

impl Engine {
    /// Begins what an operator asks for.
    pub(super) fn order(&mut self, request: Request, replies: mpsc::Sender<Reply>) {
        if self.fleet.is_stopping() && request != Request::Ps {
            return tell(&replies, Reply::Refused("the system is stopping".to_owned()));
        }
        match request {
            Request::Ps => tell(&replies, Reply::Processes(report::processes(self))),
            Request::Restart { service } => self.restart(service, replies),
            Request::Reload { service } => self.reload(service, replies),
            Request::Scale { service, instances } => self.scale_to(service, instances, replies),
        }
    }

    /// The service that was named, or all.
    fn chosen(&self, service: Option<String>) -> Result<Vec<String>, String> {
        match service {
            None => Ok(self.fleet.crews().iter().map(|crew| crew.service.clone()).collect()),
            Some(service) => self.plan.allows(&service, 1).map(|()| vec![service]),
        }
    }

    fn restart(&mut self, service: Option<String>, replies: mpsc::Sender<Reply>) {
        let services = match self.chosen(service) {
            Ok(services) => services,
            Err(reason) => return tell(&replies, Reply::Refused(reason)),
        };
        let now = self.now();
        for service in &services {
            self.fleet.restart(service, now);
            self.ends.retain(|place, _| place.service != *service);
        }
        let done = format!("restarted {}", services.join(", "));
        self.orders.waiting.push(Waiting { services, replies, done });
    }

    fn scale_to(&mut self, service: String, instances: usize, replies: mpsc::Sender<Reply>) {
        let bounds = self.plan.share(&service);
        if let Err(reason) = self.plan.allows(&service, instances) {
            return tell(&replies, Reply::Refused(reason));
        }
        if bounds.follows_the_load() && !(bounds.bounds.min..=bounds.bounds.max).contains(&instances) {
            let reason = format!(
                "{service} follows its load between {} and {} instances (scale.{service}.min and max)",
                bounds.bounds.min, bounds.bounds.max
            );
            return tell(&replies, Reply::Refused(reason));
        }
        let now = self.now();
        self.fleet.scale(&service, instances, now);
        let plural = if instances == 1 { "instance" } else { "instances" };
        let done = format!("{service} has {instances} {plural}, until the next start");
        self.orders.waiting.push(Waiting { services: vec![service], replies, done });
    }

    fn reload(&mut self, service: Option<String>, replies: mpsc::Sender<Reply>) {
        let services = match self.chosen(service) {
            Ok(services) => services,
            Err(reason) => return tell(&replies, Reply::Refused(reason)),
        };
        let plan = match (self.reread)() {
            Ok(plan) => plan,
            // The processes would all fail by it, one after the other.
            Err(error) => return tell(&replies, Reply::Refused(format!("nothing was reloaded: {error:#}"))),
        };
        if !self.fleet.reload(&services) {
            return tell(&replies, Reply::Refused("another reload is under way".to_owned()));
        }
        let now = self.now();
        for (service, instances) in plan.at_start() {
            if self.plan.share(&service) != plan.share(&service) {
                self.fleet.scale(&service, instances, now);
            }
        }
        self.plan = plan;
        self.orders.renewed = 0;
        self.orders.reload = Some(replies);
    }

    /// Takes note of how far the reload is.
    pub(super) fn progress(&mut self, progress: Progress) {
        let reply = match progress {
            Progress::Renewed(place) => {
                self.orders.renewed += 1;
                Reply::Progress(format!("{}.{} renewed", place.service, place.slot))
            }
            Progress::Done => {
                let plural = if self.orders.renewed == 1 { "process" } else { "processes" };
                Reply::Done(format!("{} {plural} renewed", self.orders.renewed))
            }
            Progress::Failed(place) => {
                let end = self.ends.get(&place).cloned().unwrap_or_default();
                Reply::Refused(format!(
                    "the new process of {}.{} ended before it could serve ({}): what is not renewed stays as it was{}",
                    place.service,
                    place.slot,
                    end.how,
                    report::quoted(&end.last_lines)
                ))
            }
        };
        tracing::info!(progress = ?reply, "reload");
        let ended = !matches!(reply, Reply::Progress(_));
        if let Some(replies) = &self.orders.reload {
            tell(replies, reply);
        }
        if ended {
            self.orders.reload = None;
        }
    }

    /// Tells those who wait for what has come about.
    pub(super) fn answer_orders(&mut self) {
        let waiting = std::mem::take(&mut self.orders.waiting);
        for order in waiting {
            match self.outcome(&order) {
                Some(reply) => tell(&order.replies, reply),
                None if order.replies.is_closed() => {}
                None => self.orders.waiting.push(order),
            }
        }
    }

    fn outcome(&self, order: &Waiting) -> Option<Reply> {
        let crews: Vec<&Crew> = order.services.iter().filter_map(|service| self.fleet.crew(service)).collect();
        for crew in &crews {
            if let Some(slot) = crew.slots.iter().find(|slot| slot.is_crash_looping()) {
                let place = super::fleet::Place { service: crew.service.clone(), slot: slot.number };
                let end = self.ends.get(&place).cloned().unwrap_or_default();
                let said = report::quoted(&end.last_lines);
                return Some(Reply::Refused(format!(
                    "{}.{} dies again and again ({}){said}",
                    crew.service, slot.number, end.how
                )));
            }
        }
        crews.iter().all(|crew| crew.ready() == crew.slots.len()).then(|| Reply::Done(order.done.clone()))
    }
}
