//! Brokers of a test's own, on a free port, that end with the test.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use camcount_queue::{BrokerOptions, LeaseTiming, Queue, connect};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Short, and yet long enough for a machine that is busy with other things.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// Jobs that a lane holds in tests.
pub(crate) const CAPACITY: usize = 200;

/// Longer than anything takes; whoever waits longer waits in vain.
pub(crate) const STUCK: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broker {
    Nats,
    Redis,
}

/// A running broker.
pub(crate) struct Server {
    pub(crate) broker: Broker,
    pub(crate) port: u16,
    folder: TempDir,
    /// What it is told besides what all are told.
    more: Vec<String>,
    child: Child,
}

pub(crate) fn options(name: &str) -> BrokerOptions {
    BrokerOptions {
        name: name.to_owned(),
        timing: LeaseTiming::new(LEASE, LEASE / 3).unwrap(),
        capacity: CAPACITY,
        remember: Duration::from_millis(100),
        ..BrokerOptions::default()
    }
}

impl Server {
    pub(crate) async fn start(broker: Broker) -> Self {
        Self::with(broker, &[]).await
    }

    /// One that is told `more`, where `{port}` stands for its port.
    pub(crate) async fn with(broker: Broker, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let more: Vec<_> = more.iter().map(|&word| word.to_owned()).collect();
        // Between looking for a free port and using it, somebody else may take it.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = spawn(broker, port, folder.path(), &more);
            if answers(broker, port, &more, &mut child).await {
                return Self { broker, port, folder, more, child };
            }
        }
        panic!("{broker:?} does not start");
    }

    pub(crate) fn url(&self) -> String {
        url(self.broker, self.port)
    }

    pub(crate) async fn queue(&self, options: BrokerOptions) -> Arc<dyn Queue> {
        connect(&self.url(), options).await.unwrap()
    }

    #[allow(dead_code, reason = "only who measures asks")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in peace.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        self.child.wait().unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(&mut self) {
        loop {
            self.child = spawn(self.broker, self.port, self.folder.path(), &self.more);
            if answers(self.broker, self.port, &self.more, &mut self.child).await {
                return;
            }
        }
    }

    /// Starts it again where it was, without anything that it knew.
    pub(crate) async fn restart_empty(&mut self) {
        self.folder = tempfile::tempdir().unwrap();
        self.restart().await;
    }

    pub(crate) fn stall(&self) {
        self.signal(Signal::STOP);
        // Its threads stop one after the other.
        waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED).unwrap();
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn url(broker: Broker, port: u16) -> String {
    match broker {
        Broker::Nats => format!("nats://127.0.0.1:{port}"),
        Broker::Redis => format!("redis://127.0.0.1:{port}"),
    }
}

fn spawn(broker: Broker, port: u16, folder: &Path, more: &[String]) -> Child {
    let settings = |file| {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("infra/brokers"));
        folders.map(|folder| folder.join(file)).find(|file| file.exists()).expect("this repository")
    };
    // Ends with this thread, also when the test is killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    match broker {
        Broker::Nats => {
            command.arg(nats_server()).arg("-c").arg(settings("nats.conf")).arg("-sd").arg(folder);
            command.args(["-a", "127.0.0.1", "-p"]).arg(port.to_string());
        }
        Broker::Redis => {
            command.arg("redis-server").arg(settings("redis.conf")).arg("--dir").arg(folder);
            command.args(["--bind", "127.0.0.1", "--save", "", "--port"]).arg(port.to_string());
        }
    }
    let log = std::fs::File::create(folder.join("log")).unwrap();
    command
        .args(more.iter().map(|word| word.replace("{port}", &port.to_string())))
        .stdin(Stdio::null())
        .stderr(log.try_clone().unwrap())
        .stdout(log);
    command.spawn().expect("setpriv (util-linux) and the brokers are needed; run infra/setup --dev")
}

/// Where infra/setup puts it. What is on the `PATH` is often too old.
fn nats_server() -> PathBuf {
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.unwrap_or_else(|| Path::new(&env::var_os("HOME").unwrap()).join(".local/share"));
    let server = data.join("camcount/bin/nats-server");
    assert!(server.exists(), "{} is missing; run infra/setup --dev", server.display());
    server
}

/// Waits until the broker answers; false when it has ended instead.
async fn answers(broker: Broker, port: u16, more: &[String], child: &mut Child) -> bool {
    let encrypted = more.iter().any(|word| word == "--tls-port");
    timeout(STUCK, async {
        while child.try_wait().unwrap().is_none() {
            let greets = match encrypted {
                true => TcpStream::connect(("127.0.0.1", port)).await.map(|_| true),
                false => greets(broker, port).await,
            };
            if greets.is_ok_and(|greets| greets) {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        false
    })
    .await
    .expect("the broker neither answers nor ends")
}

async fn greets(broker: Broker, port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut answer = [0; 5];
    if broker == Broker::Redis {
        stream.write_all(b"PING\r\n").await?;
    }
    stream.read_exact(&mut answer).await?;
    // Whoever wants a password is up as well.
    Ok(matches!(&answer, b"INFO " | b"+PONG" | b"-NOAU"))
}

/// A line to a server that can be cut.
pub(crate) struct Line {
    pub(crate) port: u16,
    server: u16,
    carriers: JoinSet<()>,
}

impl Line {
    /// To the server at that port.
    pub(crate) async fn to(server: u16) -> Self {
        let mut line = Self { port: 0, server, carriers: JoinSet::new() };
        line.mend().await;
        line
    }

    /// Ends all connections, and refuses new ones.
    pub(crate) async fn cut(&mut self) {
        self.carriers.shutdown().await;
    }

    /// Takes connections.
    pub(crate) async fn mend(&mut self) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let server = self.server;
        self.carriers.spawn(async move {
            // Those that it carries end with it.
            let mut carried = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                carried.spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    // It ends when either side does.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
    }
}
