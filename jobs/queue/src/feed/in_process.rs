//! The feed without a broker, for one process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use camcount_domain::{CameraId, SegmentCounted};
use tokio::{sync::broadcast, task::JoinSet};

use super::{FEED_CAPACITY, Feed, FeedError, Heard, Listener};

/// Those in this process who listen.
#[derive(Debug, Default)]
pub struct InProcessFeed {
    cameras: Mutex<HashMap<CameraId, broadcast::Sender<Heard>>>,
}

#[async_trait]
impl Feed for InProcessFeed {
    async fn publish(&self, counted: &SegmentCounted) -> Result<(), FeedError> {
        let mut cameras = self.cameras.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(camera) = cameras.get(&counted.camera) {
            // Whoever has gone leaves nothing behind.
            if camera.send(Heard::Counted(Arc::new(counted.clone()))).is_err() {
                cameras.remove(&counted.camera);
            }
        }
        Ok(())
    }

    async fn listen(&self, camera: CameraId) -> Result<Listener, FeedError> {
        let mut cameras = self.cameras.lock().unwrap_or_else(PoisonError::into_inner);
        let camera = cameras.entry(camera).or_insert_with(|| broadcast::Sender::new(FEED_CAPACITY));
        Ok(Listener { heard: camera.subscribe(), _bringing: JoinSet::new() })
    }
}
