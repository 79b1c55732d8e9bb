//! Brokers outside this process: where they are, how lanes are set up in them, and what can be wrong with that.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use url::Url;

use crate::{JetStream, LeaseTiming, Queue, Redis};

/// How long a broker may take to answer. It answers within milliseconds or is in trouble.
pub(crate) const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// No wait is longer: brokers count in signed nanoseconds.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// How lanes are set up in a broker. All processes that share lanes must agree on it.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// What the names of all streams and keys begin with: letters, digits, `-` and `_`.
    pub name: String,
    /// How long leases last.
    pub timing: LeaseTiming,
    /// How many jobs a lane holds, counting those that run. A full lane refuses: the reconciler pushes again.
    pub capacity: usize,
    /// How many servers keep each job, 1 to 5. NATS only: replication of Redis is set up in Redis.
    pub replicas: usize,
    /// How long a key is remembered after it was pushed, so that a push whose answer was lost is not run twice when
    /// it is made again. NATS only, at least 100 ms.
    pub remember: Duration,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            name: "camcount".to_owned(),
            timing: LeaseTiming::DEFAULT,
            // Some tens of megabytes: days of work for a rack.
            capacity: 100_000,
            replicas: 1,
            // Twice the longest wait for an answer.
            remember: ANSWERS_WITHIN * 2,
        }
    }
}

/// Why there is no queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be read. It is not repeated, since it may hold a password.
    #[error(
        "the address of the broker cannot be read ({reason}); write nats://HOST:4222, tls://HOST:4222, \
         redis://HOST:6379 or rediss://HOST:6379, with USER:PASSWORD@ before the host if need be"
    )]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The name is not one that brokers take.
    #[error("{name:?} cannot name lanes; use letters, digits, - and _")]
    Name {
        /// The name.
        name: String,
    },
    /// Nobody answers there, or refuses.
    #[error("{broker} cannot be used; check its address and credentials, and that it is up")]
    Unreachable {
        /// Where.
        broker: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The broker lacks what is needed.
    #[error("{broker} is version {version}; install {needed} or newer")]
    TooOld {
        /// Where.
        broker: String,
        /// What it says it is.
        version: String,
        /// The oldest version that will do.
        needed: &'static str,
    },
    /// It answers, and takes no jobs.
    #[error("{broker} takes no jobs: {remedy}")]
    Refuses {
        /// Where.
        broker: String,
        /// What people can do about it.
        remedy: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It throws jobs away when its memory is full.
    #[error(
        "{broker} forgets jobs when its memory is full: its maxmemory-policy is {policy}; set it to noeviction, or use a \
         Redis of camcount's own"
    )]
    Forgetful {
        /// Where.
        broker: String,
        /// The policy.
        policy: String,
    },
    /// Somebody else has set it up.
    #[error(transparent)]
    Different(#[from] Different),
}

/// A stream, consumer or key that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {what} is set up differently: {}; give all processes the same settings, or remove it with `{remove}` \
     (no work is lost: what is due is published again) or use another name",
    differences.join(", ")
)]
pub struct Different {
    /// Which one.
    pub what: String,
    /// What it has, and what is needed.
    pub differences: Vec<String>,
    /// The command that removes it.
    pub remove: String,
}

/// The queue in the broker at `url`: NATS JetStream for `nats://` and `tls://`, Redis for `redis://` and
/// `rediss://`. Several servers of one NATS cluster are separated by commas.
///
/// # Errors
/// When the address cannot be read, nobody answers there, the broker is too old, or lanes of that name are set up
/// otherwise there.
pub async fn connect(url: &str, options: BrokerOptions) -> Result<Arc<dyn Queue>, ConnectError> {
    let address = address(url, &options.name)?;
    Ok(match address.kind {
        Kind::Nats => Arc::new(JetStream::connect(address, options).await?),
        Kind::Redis => Arc::new(Redis::connect(address, options).await?),
    })
}

/// The broker at `url`, where everything is called `name`.
pub(crate) fn address(url: &str, name: &str) -> Result<Address, ConnectError> {
    let address = url.parse()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(ConnectError::Name { name: name.to_owned() });
    }
    // Whoever is first decides for the process; if that was somebody else, his will do as well.
    let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
    Ok(address)
}

/// Where a broker is. Shown without user and password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    /// At least one.
    pub(crate) servers: Vec<Url>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nats,
    Redis,
}

impl std::str::FromStr for Address {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Self, ConnectError> {
        let bad = |reason: String| ConnectError::Address { reason };
        let servers: Result<Vec<Url>, _> = text.split(',').map(|url| url.trim().parse()).collect();
        let servers = servers.map_err(|error: url::ParseError| bad(error.to_string()))?;
        let kind = |url: &Url| match url.scheme() {
            "nats" | "tls" => Ok(Kind::Nats),
            "redis" | "rediss" => Ok(Kind::Redis),
            other => Err(bad(format!("{other}:// is no broker"))),
        };
        let kinds = servers.iter().map(kind).collect::<Result<Vec<_>, _>>()?;
        let kind = kinds.first().copied().ok_or_else(|| bad("it is empty".to_owned()))?;
        if servers.iter().any(|url| url.host_str().is_none_or(str::is_empty)) {
            return Err(bad("a host is missing".to_owned()));
        }
        if kinds.iter().any(|other| *other != kind) || kind == Kind::Redis && kinds.len() > 1 {
            return Err(bad("only servers of one NATS cluster can be given together".to_owned()));
        }
        Ok(Self { kind, servers })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Nats => "NATS at ",
            Kind::Redis => "Redis at ",
        })?;
        for (n, url) in self.servers.iter().enumerate() {
            let port = match (url.port(), self.kind) {
                (Some(port), _) => port,
                (None, Kind::Nats) => 4222,
                (None, Kind::Redis) => 6379,
            };
            let comma = if n > 0 { ", " } else { "" };
            write!(f, "{comma}{}:{port}", url.host_str().unwrap_or_default())?;
        }
        Ok(())
    }
}

/// As it is shown, so that no log says more.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match url.parse::<Address>() {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_are_shown_without_secrets() {
        assert_eq!(shown("nats://anna:hunter2@a:4333,nats://b"), "NATS at a:4333, b:4222");
        assert_eq!(shown("tls://s3cr3t@[::1]:4222"), "NATS at [::1]:4222");
        assert_eq!(shown("rediss://:hunter2@cache/3?token=s3cr3t"), "Redis at cache:6379");
        for bad in
            ["anna:hunter2@host", "http://anna:hunter2@host", "nats://anna:hunter2@host:port", "nats://"]
        {
            let shown = shown(bad);
            assert!(shown.contains("write nats://HOST:4222") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn only_servers_of_one_cluster_go_together() {
        for mixed in ["nats://a,redis://b", "redis://a,redis://b", "nats://a,"] {
            assert!(mixed.parse::<Address>().is_err(), "{mixed}");
        }
    }

    #[tokio::test]
    async fn names_are_checked_before_anyone_is_called() {
        for name in ["", "a b", "a.b", "a*", "ü"] {
            let options = BrokerOptions { name: name.to_owned(), ..BrokerOptions::default() };
            let refused = connect("nats://127.0.0.1:1", options).await.err();
            assert!(matches!(refused, Some(ConnectError::Name { .. })), "{name:?}: {refused:?}");
        }
    }
}
