//! Runs the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// How long a system may take to start.
const START: Duration = Duration::from_mins(1);

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository has a root")
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    command.args(arguments).current_dir(folder).env_remove("NEXUS_CONFIG").env_remove("NEXUS_PASSWORD");
    command
}

/// The program with these arguments, in a folder of its own, without settings from outside.
pub(crate) fn nexus(folder: &Path, arguments: &[&str]) -> Output {
    nexus_with(folder, arguments, &[], "")
}

/// The same with variables and standard input.
pub(crate) fn nexus_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let mut command = program(folder, arguments);
    command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    // A program that needs no input may be gone before it comes.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

/// What it printed.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it complained about.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A system that runs until the test stops it, or ends.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

/// An address of this machine at which nothing listens.
pub(crate) fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").to_string()
}

/// Where a system listens.
pub(crate) struct Door(String);

impl Door {
    pub(crate) fn at(address: &str) -> Self {
        Self(address.to_owned())
    }

    /// The processes whose figures have this name, in their order.
    pub(crate) fn processes(&self, figure: &str) -> Vec<String> {
        let (_, text) = self.exchange("GET", "/metrics", None, None);
        let of_figure = text.lines().filter(|line| line.starts_with(&format!("{figure}{{process=")));
        of_figure.filter_map(|line| line.split('"').nth(1).map(str::to_owned)).collect()
    }

    /// A request to it: the status, and the body if it is JSON.
    pub(crate) fn request(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> (u16, Value) {
        let (status, body) = self.exchange(method, path, token, body);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    fn exchange(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> (u16, String) {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{bearer}content-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(&self.0).expect("the gateway listens");
        stream.write_all(format!("{head}{body}").as_bytes()).expect("the gateway takes the request");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("the gateway answers");
        let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("the reply has a status");
        let (_, body) = reply.split_once("\r\n\r\n").expect("the reply's head ends");
        (status, body.to_owned())
    }
}

/// A command that goes on until the test ends, and what it prints.
pub(crate) struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    /// Starts it.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = program(folder, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program runs");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The next line that contains these words.
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(START).unwrap_or_else(|_| panic!("`{words}` was not printed"));
            if line.contains(words) {
                return line;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It ends only by this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a system ended.
pub(crate) struct Stopped {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// All that it printed.
    pub(crate) said: String,
}

impl Running {
    /// `nexus up` at a free port, with its data in this folder, ready.
    pub(crate) fn up(folder: &Path, arguments: &[&str]) -> Self {
        Self::start(folder, &[&["up"], arguments].concat())
    }

    /// The program at a free port, ready.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut running = Self::begin(folder, arguments, &[]);
        running.wait_for_start("Nexus COS is running at ");
        running
    }

    /// The program at a free port with these variables, perhaps not ready yet.
    pub(crate) fn begin(folder: &Path, arguments: &[&str], variables: &[(&str, String)]) -> Self {
        let mut command = program(folder, &[arguments, &["--listen", "127.0.0.1:0"]].concat());
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program runs");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, said: Vec::new() }
    }

    /// Waits until it says that it is ready.
    pub(crate) fn wait_for_start(&mut self, words: &str) -> String {
        self.wait_for(words, START)
    }

    /// The next line that contains these words.
    pub(crate) fn wait_for(&mut self, words: &str, limit: Duration) -> String {
        loop {
            let line =
                self.lines.recv_timeout(limit).unwrap_or_else(|_| panic!("`{words}` was not said: {:?}", self.said));
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The token of the set-up link.
    pub(crate) fn setup_token(&mut self) -> String {
        let line = self.wait_for("/setup?token=", START);
        line.rsplit('=').next().expect("the link has a token").to_owned()
    }

    /// Where its gateway listens.
    pub(crate) fn address(&self) -> String {
        let (_, address) = self.said[0].split_once("://").expect("the first line has the address");
        address.to_owned()
    }

    /// The way in, which can be used elsewhere too.
    pub(crate) fn door(&self) -> Door {
        Door(self.address())
    }

    /// A request to it: the status, and the body if it is JSON.
    pub(crate) fn request(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> (u16, Value) {
        self.door().request(method, path, token, body)
    }

    /// How many requests of this route a service of the gateway's process has answered.
    pub(crate) fn metric(&self, service: &str, route: &str) -> u64 {
        let (_, text) = self.door().exchange("GET", "/metrics", None, None);
        let of_route = |line: &&str| {
            let labels = [format!("service=\"{service}\""), format!("route=\"{route}\"")];
            line.starts_with("http_requests_total{") && labels.iter().all(|label| line.contains(label))
        };
        let count = |line: &str| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
        text.lines().filter(of_route).filter_map(count).sum()
    }

    /// Kills it without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the program still ran");
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Stopped {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
        assert!(asked.success(), "the program still ran");
        let code = self.child.wait().expect("the program ends").code();
        self.said.extend(self.lines.iter());
        Stopped { code, said: self.said.join("\n") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already when the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
