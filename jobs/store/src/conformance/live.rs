//! What was counted so far.

use std::{collections::BTreeMap, sync::Arc};

use camcount_domain::{
    CoverageBucket, InOut, LineBucket, LiveCounts, MediaSpan, MediaTime, PassId, SegmentCounts, Seq,
};
use futures::future::join;

use super::{SECOND_US, commit, counted};
use crate::{SoFar, Store, StoreError};

fn buckets(start_s: i64, count_in: i64) -> SegmentCounts {
    let start = MediaTime(start_s * SECOND_US);
    let line = |class: &str| LineBucket {
        line: "door".into(),
        class: class.to_owned(),
        start,
        count_in,
        count_out: 1,
    };
    SegmentCounts {
        lines: vec![line("car"), line("person")],
        coverage: vec![CoverageBucket { start, observed_us: 4, gap_us: 1 }],
        ..SegmentCounts::default()
    }
}

fn expected(next: i64, counted_s: Option<i64>, line: Option<(i64, i64)>, covered: (i64, i64)) -> LiveCounts {
    let lines = line.map(|(count_in, count_out)| {
        ["car", "person"].map(|class| (("door".to_owned(), class.to_owned()), InOut { count_in, count_out }))
    });
    LiveCounts {
        next: Seq(next),
        counted_to: counted_s.map(|s| MediaTime(s * SECOND_US)),
        lines: lines.map(BTreeMap::from).unwrap_or_default(),
        zones: Vec::new(),
        observed_us: covered.0,
        gap_us: covered.1,
    }
}

pub(super) async fn what_was_counted_so_far_is_as_of_the_cursor(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    let nobody = PassId("nobody".into());
    let refused = store.so_far(&nobody, MediaSpan::ALL).await;
    assert!(matches!(refused, Err(StoreError::NoPass(pass)) if pass == nobody));
    let so_far = store.so_far(&id, MediaSpan::ALL).await.unwrap();
    assert_eq!(so_far, SoFar { counts: expected(0, None, None, (0, 0)), state: None });
    commit(store, &id, 0, &buckets(0, 2)).await;
    commit(store, &id, 1, &buckets(10, 3)).await;
    let so_far = store.so_far(&id, MediaSpan::ALL).await.unwrap();
    assert_eq!(so_far.state, Some(vec![1]));
    assert_eq!(so_far.counts, expected(2, Some(10), Some((5, 2)), (8, 2)));
    let later = MediaSpan { start: MediaTime(1), end: MediaTime(10 * SECOND_US + 1) };
    let so_far = store.so_far(&id, later).await.unwrap();
    assert_eq!(so_far.counts, expected(2, Some(10), Some((3, 1)), (4, 1)));
}

/// Whoever looks while others commit sees the counts of all segments before the cursor, and of no other.
pub(super) async fn looking_while_others_commit_sees_one_moment(store: Arc<dyn Store>) {
    let (_, id) = counted(&*store, "gate").await;
    let committing = async {
        for seq in 0..4 {
            commit(&*store, &id, seq, &buckets(seq * 5, 1)).await;
        }
    };
    let looking = async {
        loop {
            let counts = store.so_far(&id, MediaSpan::ALL).await.unwrap().counts;
            let n = counts.next.0;
            let line = (n > 0).then_some((n, n));
            assert_eq!(counts, expected(n, (n > 0).then_some(n * 5), line, (4 * n, n)));
            if n == 4 {
                break;
            }
        }
    };
    join(committing, looking).await;
}
