//! The process `wardline run`, between the hosts.

use super::ground::{Ground, PATIENCE, Place};
use crate::run::text;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A running sensor. It is killed when this value goes.
pub(crate) struct Sensor {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
}

impl Sensor {
    /// Starts one with these arguments, and waits until it is at work.
    pub(crate) fn start(ground: &Ground, mode: &str, policy: &Path, arguments: &[&str]) -> Sensor {
        let mut child = ground.inside(Place::Sensor, || {
            Command::new(env!("CARGO_BIN_EXE_wardline"))
                .args(["run", "--json", "--mode", mode, "--interface", "one", "--interface", "two"])
                .args(["--policy", text(policy), "--pin", text(&ground.pins())])
                .args(["--state", text(&ground.state())])
                .args(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        });
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, log) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&said));
        let reading = thread::spawn(move || {
            for line in lines {
                log.lock().unwrap().push(line.unwrap());
            }
        });
        let sensor = Sensor { child, said, reading: Some(reading) };
        sensor.wait_for("note: at work: ");
        sensor
    }

    /// Everything that it has said by now.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// Waits until it says a line that begins so.
    pub(crate) fn wait_for(&self, start: &str) {
        for _ in 0..PATIENCE.as_millis() {
            if self.said.lock().unwrap().iter().any(|line| line.starts_with(start)) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not say {start:?}, but: {}", self.said());
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Sends it a signal and waits for its end: what it summed up, if it did, and what it said.
    pub(crate) fn end(mut self, signal: &str) -> (ExitStatus, Value, String) {
        self.signal(signal);
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        self.reading.take().unwrap().join().unwrap();
        (status, serde_json::from_str(&stdout).unwrap_or_default(), self.said())
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // It has ended already, or a test fails.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
