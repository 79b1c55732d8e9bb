//! How a lane is set up in JetStream, what is compared with what is found, and what is read from there: depth, and
//! the count of deliveries that used up no attempt.

use std::{fmt::Debug, time::Duration};

use async_nats::{
    datetime::{DateTime, parse_rfc3339},
    jetstream::{
        consumer::{AckPolicy, PullConsumer, pull},
        context::KeyValueErrorKind,
        kv,
        response::Response,
        stream,
    },
};
use camcount_domain::{Lane, content_hash};
use serde::Deserialize;

use super::{BoxError, Shared};
use crate::{Depth, broker::Different};

/// The one consumer of a lane's stream.
const CONSUMER: &str = "workers";

/// Workers that may ask for jobs of a lane at the same time. The server's own limit is 512.
const WAITING_PULLS: i64 = 65_536;

/// How long a count of uncounted deliveries is kept: longer than any job is put off without being leased in between.
const NOTES_LAST: Duration = Duration::from_secs(400 * 24 * 3600);

impl Shared {
    /// A subject of its own for each key, whatever is in it.
    pub(super) fn subject(&self, lane: Lane, key: &str) -> String {
        format!("{}.{}.{}", self.options.name, lane.as_str(), content_hash(&[key.as_bytes()]))
    }

    fn stream_name(&self, lane: Lane) -> String {
        format!("{}-{}", self.options.name, lane.as_str())
    }

    fn stream_config(&self, lane: Lane) -> stream::Config {
        stream::Config {
            name: self.stream_name(lane),
            description: Some(format!("camcount: jobs of the {} lane", lane.as_str())),
            subjects: vec![self.subject_filter(lane)],
            retention: stream::RetentionPolicy::WorkQueue,
            discard: stream::DiscardPolicy::New,
            discard_new_per_subject: true,
            max_messages_per_subject: 1,
            max_messages: i64::try_from(self.options.capacity).unwrap_or(i64::MAX),
            max_bytes: -1,
            duplicate_window: self.options.remember,
            storage: stream::StorageType::File,
            num_replicas: self.options.replicas,
            ..stream::Config::default()
        }
    }

    fn subject_filter(&self, lane: Lane) -> String {
        format!("{}.{}.*", self.options.name, lane.as_str())
    }

    fn consumer_config(&self, lane: Lane) -> pull::Config {
        let lease = self.options.timing.lease();
        pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            description: Some(format!("camcount: workers of the {} lane", lane.as_str())),
            ack_policy: AckPolicy::Explicit,
            ack_wait: lease + lease / 10,
            max_deliver: -1,
            // Jobs that are put off count as pending; however many they are, the others go on.
            max_ack_pending: -1,
            max_waiting: WAITING_PULLS,
            ..pull::Config::default()
        }
    }

    /// The consumer of a lane; stream and consumer are made when they are missing. Leases of a former one are
    /// forgotten: they have lapsed with it.
    ///
    /// # Errors
    /// [`Different`] when they are there and not as they must be, anything else when the server cannot say.
    pub(super) async fn lane_consumer(&self, lane: Lane) -> Result<PullConsumer, BoxError> {
        let (wanted, name) = (self.stream_config(lane), self.stream_name(lane));
        let stream = self.context.get_or_create_stream(wanted.clone()).await?;
        let found = &stream.cached_info().config;
        let mut differences = Differences::default();
        differences.see("subjects", &found.subjects, &wanted.subjects);
        differences.see("retention", &found.retention, &wanted.retention);
        differences.see("discard", &found.discard, &wanted.discard);
        differences.see("discard new per subject", &found.discard_new_per_subject, &true);
        differences.see("messages per subject", &found.max_messages_per_subject, &1);
        differences.see("max age", &found.max_age, &wanted.max_age);
        differences.see("no ack", &found.no_ack, &false);
        differences.none_in(format!("stream {name}"), format!("nats stream rm {name}"))?;

        let wanted = self.consumer_config(lane);
        let consumer = stream.get_or_create_consumer(CONSUMER, wanted.clone()).await?;
        let found = &consumer.cached_info().config;
        let mut differences = Differences::default();
        differences.see("ack wait (lease and a tenth)", &found.ack_wait, &wanted.ack_wait);
        differences.see("ack policy", &found.ack_policy, &wanted.ack_policy);
        differences.see("max deliver", &found.max_deliver, &wanted.max_deliver);
        differences.see("backoff", &found.backoff, &wanted.backoff);
        differences.see("filter", &found.filter_subject, &wanted.filter_subject);
        let what = format!("consumer {CONSUMER} of stream {name}");
        differences.none_in(what, format!("nats consumer rm {name} {CONSUMER}"))?;
        let created = consumer.cached_info().created;
        self.held().retain(|_, held| held.lane != lane || held.consumer == created);
        Ok(consumer)
    }

    /// Where deliveries that used up no attempt are counted. Only deferring and releasing write here.
    async fn notes(&self) -> Result<kv::Store, BoxError> {
        let bucket = format!("{}-uncounted", self.options.name);
        match self.context.get_key_value(&bucket).await {
            Ok(notes) => Ok(notes),
            Err(error) if error.kind() == KeyValueErrorKind::GetBucket => {
                let config = kv::Config {
                    bucket,
                    description: "camcount: deliveries that used up no attempt".to_owned(),
                    max_age: NOTES_LAST,
                    num_replicas: self.options.replicas,
                    ..kv::Config::default()
                };
                Ok(self.context.create_key_value(config).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn uncounted(&self, note: &str) -> Result<u32, BoxError> {
        let count = self.notes().await?.get(note).await?;
        Ok(count.and_then(|count| std::str::from_utf8(&count).ok()?.parse().ok()).unwrap_or(0))
    }

    pub(super) async fn note_uncounted(&self, note: &str, count: u32) -> Result<(), BoxError> {
        self.notes().await?.put(note, count.to_string().into()).await?;
        Ok(())
    }

    pub(super) async fn depth(&self, lane: Lane) -> Result<Depth, BoxError> {
        let stream = self.stream_name(lane);
        let asked = format!("CONSUMER.INFO.{stream}.{CONSUMER}");
        let state: ConsumerState = match self.context.request(asked, &serde_json::json!({})).await? {
            Response::Ok(state) => state,
            Response::Err { error } => return Err(error.into()),
        };
        let waiting = state.num_pending as usize;
        let mut depth = Depth { waiting, running: state.num_ack_pending, ..Depth::default() };
        if waiting > 0 {
            let stream = self.context.get_stream_no_info(stream).await?;
            let next = stream
                .raw_message_builder()
                .sequence(state.delivered.stream_seq + 1)
                .next_by_subject(self.subject_filter(lane))
                .send()
                .await;
            // It may have been leased in between: then there is no first that waits, or it is a younger one.
            depth.oldest = next.ok().and_then(|first| age(&state.ts, first.time));
        }
        Ok(depth)
    }
}

/// What is looked at of a consumer's state.
#[derive(Deserialize)]
struct ConsumerState {
    num_pending: u64,
    num_ack_pending: usize,
    delivered: Delivered,
    /// The server's time.
    ts: String,
}

#[derive(Deserialize)]
struct Delivered {
    stream_seq: u64,
}

/// From `then` to `now`, both by the server's clock.
fn age(now: &str, then: DateTime) -> Option<Duration> {
    let nanos = parse_rfc3339(now).ok()?.unix_timestamp_nanos() - then.unix_timestamp_nanos();
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
}

/// What is not as it must be.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn see<T: PartialEq + Debug>(&mut self, what: &str, found: &T, wanted: &T) {
        if found != wanted {
            self.0.push(format!("{what} is {found:?} and must be {wanted:?}"));
        }
    }

    fn none_in(self, what: String, remove: String) -> Result<(), Different> {
        if self.0.is_empty() { Ok(()) } else { Err(Different { what, differences: self.0, remove }) }
    }
}
