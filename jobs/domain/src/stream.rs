//! How a registered camera is recorded.

use serde::{Deserialize, Serialize};

/// How packets of an RTSP stream travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// In one connection: nothing is lost, and firewalls let it through.
    #[default]
    Tcp,
    /// One by one: what is lost stays lost.
    Udp,
}

/// How a camera is recorded. What is not said has its default, so that settings of other versions can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSettings {
    /// How packets travel, where the source is RTSP.
    pub transport: Transport,
    /// The length of segments that is aimed at, in microseconds; each begins with a key frame.
    pub segment_us: i64,
}

impl StreamSettings {
    /// The shortest segments: each costs a row, an object and a start of FFmpeg.
    pub const SHORTEST_US: i64 = 2_000_000;
    /// The longest segments: counts are late by one.
    pub const LONGEST_US: i64 = 10_000_000;
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { transport: Transport::default(), segment_us: 6_000_000 }
    }
}
