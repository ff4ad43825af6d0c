//! A network of the suite's own: a namespace for each process, and one in the middle, which has the servers and passes on what
//! the others send to each other. A link can be cut, made slow, or be closed for one pair of processes.
//!
//! Addresses are of the range for benchmarks between networks (RFC 2544 appendix C.2.2), which no real network has.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::program::{Program, is_root};

/// What a slow link is like, where the kernel has netem.
const NETEM: &[&str] = &["netem", "delay", "100ms", "30ms", "loss", "1%"];
/// And where it has not: so narrow that what is sent queues up for long.
const NARROW: &[&str] = &["tbf", "rate", "400kbit", "burst", "4kb", "latency", "2000ms"];

/// The network.
#[derive(Debug)]
pub struct Network {
    name: String,
    used: AtomicU8,
}

/// A process's place in it.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its network namespace.
    pub namespace: String,
    /// Its address.
    pub address: String,
    /// The interface in the middle that leads to it.
    link: String,
}

impl Network {
    /// Makes the one in the middle, and a way from this process to it; the error says why that can't be.
    pub async fn new() -> Result<Self, String> {
        if !is_root() {
            return Err("only root may make network namespaces".to_owned());
        }
        let name = format!("nxf{}", std::process::id());
        let made = Program::new("ip").args(["netns", "add", &name]).output().await;
        if !made.status.success() {
            return Err(format!("no network namespace: {}", String::from_utf8_lossy(&made.stderr).trim()));
        }
        let network = Self { name, used: AtomicU8::new(0) };
        network.inside(&network.name, "link set lo up").await;
        let forward = Program::new("sysctl").args(["-q", "-w", "net.ipv4.ip_forward=1"]);
        forward.within(Some(&network.name)).run().await;
        network.join(None, 0).await;
        ip("route add 198.18.0.0/16 via 198.18.0.1").await;
        Ok(network)
    }

    /// The middle's namespace.
    pub fn middle(&self) -> &str {
        &self.name
    }

    /// The middle's address, which all can reach.
    pub fn address(&self) -> &'static str {
        "198.18.0.1"
    }

    /// Makes a place for a process.
    pub async fn site(&self) -> Site {
        let number = self.used.fetch_add(1, Ordering::SeqCst) + 1;
        let namespace = format!("{}p{number}", self.name);
        ip(&format!("netns add {namespace}")).await;
        self.inside(&namespace, "link set lo up").await;
        let link = self.join(Some(&namespace), number).await;
        self.inside(&namespace, &format!("route add default via 198.18.{number}.1")).await;
        Site { namespace, address: format!("198.18.{number}.2"), link }
    }

    /// A pair of interfaces: one in the middle, which it names, and one in the other namespace, or in the machine's own.
    async fn join(&self, namespace: Option<&str>, number: u8) -> String {
        let (inner, outer) = (format!("{}m{number}", self.name), format!("{}o{number}", self.name));
        ip(&format!("link add {inner} netns {} type veth peer name {outer}", self.name)).await;
        self.inside(&self.name, &format!("address add 198.18.{number}.1/30 dev {inner}")).await;
        self.inside(&self.name, &format!("link set {inner} up")).await;
        let own = [format!("address add 198.18.{number}.2/30 dev {outer}"), format!("link set {outer} up")];
        if let Some(namespace) = namespace {
            ip(&format!("link set {outer} netns {namespace}")).await;
        }
        for command in own {
            match namespace {
                Some(namespace) => self.inside(namespace, &command).await,
                None => ip(&command).await,
            }
        }
        inner
    }

    async fn inside(&self, namespace: &str, command: &str) {
        Program::new("ip").args(command.split(' ')).within(Some(namespace)).run().await;
    }

    /// What two processes send to each other gets lost from now on, without a word to either; both reach all others.
    pub async fn part(&self, one: &Site, other: &Site) {
        self.pair("add", one, other).await;
    }

    /// They reach each other again.
    pub async fn rejoin(&self, one: &Site, other: &Site) {
        self.pair("del", one, other).await;
    }

    async fn pair(&self, change: &str, one: &Site, other: &Site) {
        for (from, to) in [(one, other), (other, one)] {
            let rule = format!("rule {change} from {} to {} blackhole", from.address, to.address);
            self.inside(&self.name, &rule).await;
        }
    }

    /// A process reaches nobody from now on, and nobody reaches it.
    pub async fn cut_off(&self, site: &Site) {
        self.inside(&self.name, &format!("link set {} down", site.link)).await;
    }

    /// It does again.
    pub async fn reconnect(&self, site: &Site) {
        self.inside(&self.name, &format!("link set {} up", site.link)).await;
    }

    /// Makes the way to a process slow.
    pub async fn slow_down(&self, site: &Site) {
        if !self.shape(site, NETEM).await {
            assert!(self.shape(site, NARROW).await, "tc has netem or tbf");
        }
    }

    async fn shape(&self, site: &Site, words: &[&str]) -> bool {
        let tc = Program::new("tc").args(["qdisc", "add", "dev", &site.link, "root"]).args(words.iter().copied());
        tc.within(Some(&self.name)).output().await.status.success()
    }

    /// Makes it quick again.
    pub async fn speed_up(&self, site: &Site) {
        let tc = Program::new("tc").args(["qdisc", "del", "dev", &site.link, "root"]);
        tc.within(Some(&self.name)).run().await;
    }
}

async fn ip(command: &str) {
    Program::new("ip").args(command.split(' ')).run().await;
}

impl Drop for Network {
    fn drop(&mut self) {
        // The interfaces, and the machine's route over one of them, end with the namespaces.
        let used = self.used.load(Ordering::SeqCst);
        let names = (1..=used).map(|number| format!("{}p{number}", self.name)).chain([self.name.clone()]);
        for name in names {
            let _ = std::process::Command::new("ip").args(["netns", "del", &name]).status();
        }
    }
}
