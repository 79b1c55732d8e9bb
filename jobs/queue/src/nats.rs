//! A connection to NATS, which is made again by itself whenever it is lost.

use std::{borrow::Cow, error::Error, time::Duration};

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use percent_encoding::percent_decode_str;
use tokio::{sync::watch, time::timeout};

use crate::{
    ConnectError,
    broker::{ANSWERS_WITHIN, Address},
};

/// The first version that tells why it refuses what it refuses, and takes a reason for giving a message up.
const OLDEST_SERVER: (&str, [i64; 3]) = ("2.11.0", [2, 11, 0]);

/// A silent connection is asked whether it is alive this often; the second time in vain it is made again.
const PING_EVERY: Duration = Duration::from_secs(10);

type BoxError = Box<dyn Error + Send + Sync>;

/// A connection and where it leads.
pub(crate) struct Nats {
    pub(crate) client: Client,
    pub(crate) broker: String,
    /// How often the connection was made.
    pub(crate) connections: watch::Receiver<u64>,
}

impl Nats {
    /// Connects as `name`, which servers show.
    pub(crate) async fn connect(address: &Address, name: &str) -> Result<Self, ConnectError> {
        let broker = address.to_string();
        let unreachable = |source: BoxError| ConnectError::Unreachable { broker: broker.clone(), source };
        let (connected, mut connections) = watch::channel(0);
        let client = client_options(address)
            .map_err(&unreachable)?
            .name(name)
            .connection_timeout(ANSWERS_WITHIN)
            .request_timeout(Some(ANSWERS_WITHIN))
            .ping_interval(PING_EVERY)
            .event_callback(move |event| {
                match event {
                    Event::Connected => connected.send_modify(|times| *times += 1),
                    Event::Disconnected => tracing::warn!("lost the connection to NATS; connecting again"),
                    other => tracing::debug!(event = %other, "NATS"),
                }
                std::future::ready(())
            })
            .connect(server_addresses(address).map_err(&unreachable)?)
            .await
            .map_err(|error| unreachable(error.into()))?;
        // Events come a little late: the first one is awaited, so that all others tell of something.
        let first = timeout(ANSWERS_WITHIN, connections.wait_for(|times| *times > 0)).await;
        first.map_err(|late| unreachable(late.into()))?.map_err(|ended| unreachable(ended.into()))?;
        let (needed, [major, minor, patch]) = OLDEST_SERVER;
        if !client.is_server_compatible(major, minor, patch) {
            let version = client.server_info().version;
            return Err(ConnectError::TooOld { broker, version, needed });
        }
        Ok(Self { client, broker, connections })
    }
}

/// User and password, or a token alone, as they stand in the first address.
fn client_options(address: &Address) -> Result<ConnectOptions, BoxError> {
    let Some(url) = address.servers.first() else { return Ok(ConnectOptions::new()) };
    let plain = |text: &str| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    Ok(match (url.username(), url.password()) {
        ("", None) => ConnectOptions::new(),
        (token, None) => ConnectOptions::with_token(plain(token)?),
        (user, Some(password)) => ConnectOptions::with_user_and_password(plain(user)?, plain(password)?),
    })
}

/// Without user and password: the client has no use for them there, and logs addresses.
fn server_addresses(address: &Address) -> Result<Vec<ServerAddr>, BoxError> {
    let bare = |url: &url::Url| {
        let mut url = url.clone();
        // These fail for addresses without a host only, of which there are none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(ServerAddr::from_url(url)?)
    };
    address.servers.iter().map(bare).collect()
}
