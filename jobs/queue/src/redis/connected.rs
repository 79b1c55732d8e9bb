//! A connection to Redis, which is made again by itself whenever it is lost.

use redis::{
    Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use crate::{
    ConnectError,
    broker::{ANSWERS_WITHIN, Address, Kind, address},
};

/// A connection and where it leads.
#[derive(Clone)]
pub(crate) struct Connected {
    /// For connections of one's own.
    pub(crate) client: Client,
    /// Shared by all who ask and do not wait.
    pub(crate) connection: ConnectionManager,
    pub(crate) broker: String,
}

impl Connected {
    /// Connects now.
    pub(crate) async fn to(address: &Address) -> Result<Self, ConnectError> {
        let (client, broker) = client(address)?;
        let connection = ConnectionManager::new_with_config(client.clone(), config()).await;
        let connection = connection.map_err(|error| unreachable(&broker, error))?;
        Ok(Self { client, connection, broker })
    }

    /// Connects when something is asked first, to the Redis at `url`, called `name` there. `what` is the reason that is given
    /// where the address is no Redis's.
    pub(crate) fn later_at(url: &str, name: &str, what: &str) -> Result<Self, ConnectError> {
        let address = address(url, name)?;
        if address.kind != Kind::Redis {
            return Err(ConnectError::Address { reason: what.to_owned() });
        }
        let (client, broker) = client(&address)?;
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config());
        let connection = connection.map_err(|error| unreachable(&broker, error))?;
        Ok(Self { client, connection, broker })
    }
}

fn client(address: &Address) -> Result<(Client, String), ConnectError> {
    let broker = address.to_string();
    let url = address.servers.first();
    let url = url.ok_or_else(|| ConnectError::Address { reason: "it is empty".to_owned() })?;
    let client = Client::open(url.clone()).map_err(|error| unreachable(&broker, error))?;
    Ok((client, broker))
}

fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_connection_timeout(Some(ANSWERS_WITHIN))
        .set_response_timeout(Some(ANSWERS_WITHIN))
        // Who asks is told at once, and asks again.
        .set_number_of_retries(1)
}

fn unreachable(broker: &str, error: RedisError) -> ConnectError {
    ConnectError::Unreachable { broker: broker.to_owned(), source: error.into() }
}
