//! The statements that the verbs really make read no big table from end to end, and every index is of use to one
//! of them. PostgreSQL's own counts of scans tell.

use camcount_domain::{CameraId, Granularity, MediaSpan, MediaTime, PassId, Seq};
use camcount_store::{
    CameraFilter, Month, Postgres, Registry, Rollups, Scope, Store, test_database::TestDatabase,
};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection, postgres::PgConnectOptions};

use crate::footage::{camera, commit, pass, recording, time};

/// Beside a pass and its camera, 50 cameras with 2 000 segments each, detected to the half, and 20 000
/// finished passes; a month of frames and other rows of some.
const FILL: &str = "
SET session_replication_role = replica;
INSERT INTO cameras SELECT md5(c::text)::uuid, c::text, true FROM generate_series(1, 50) c;
INSERT INTO recordings SELECT md5(c::text)::uuid, r * 100, 'r' || r, r * 1000000000, (r + 1) * 1000000000, 0, 1, 1, 1
    FROM generate_series(1, 50) c, generate_series(0::bigint, 19) r;
INSERT INTO segments SELECT md5(c::text)::uuid, s, s / 100 * 100, s * 10000000, (s + 1) * 10000000, s % 100 = 0,
    s % 100 = 99 FROM generate_series(1, 50) c, generate_series(0::bigint, 1999) s;
INSERT INTO detections SELECT camera, seq, (SELECT version FROM detectors), 'detected', 0, null, 'k', 's', 1, 0
    FROM segments WHERE seq < 1000 AND end_us < 1e12;
INSERT INTO passes (id, camera, detector, ruleset, range_start_us, range_end_us, first_seq, last_seq, live, next_seq)
    SELECT 'p' || n, md5((n % 50 + 1)::text)::uuid, (SELECT version FROM detectors), (SELECT version FROM rulesets),
           0, 1, 0, 1999, false, CASE WHEN n <= 50 THEN 990 ELSE 2000 END FROM generate_series(1, 20050) n;
INSERT INTO dirty_hours SELECT 'p' || p, h * 3600000000, 0
    FROM generate_series(1, 20) p, generate_series(1::bigint, 100) h;
INSERT INTO camera_events SELECT camera, start_us, 'quarantined', (SELECT version FROM detectors), end_us, ''
    FROM segments WHERE seq < 200 AND end_us < 1e12;
INSERT INTO cameras (id, name, start_known, source, tags)
    SELECT md5('registered' || n)::uuid, 'registered ' || n, true, 'rtsp://x', ARRAY['tag ' || n % 1000]
    FROM generate_series(1, 10000) n;
INSERT INTO leases SELECT 'camera/' || n, 'somebody', 1 FROM generate_series(1, 200) n;
";

/// Of the tables with months, in one month.
const COUNTS: [(&str, &str); 9] = [
    ("crossings", "'p' || p, {t}, 'l', n, 'in', 0, 'person', 1, false, 0"),
    ("visits", "'p' || p, {t}, 'z', n, 0, 'person', {t}, 0, true, true, 0"),
    ("line_buckets", "'p' || p, {t}, 'l', 'person', 1, 1"),
    ("zone_buckets", "'p' || p, {t}, 'z', 1, 1, 1, 1, 1, 1"),
    ("coverage", "'p' || p, {t}, 1, 1"),
    ("frame_metadata", "'p' || p, {t}, 1, 1"),
    ("line_rollups", "'p' || p, 'minute', {t}, 'l', 'person', 1, 1, 1"),
    ("zone_rollups", "'p' || p, 'minute', {t}, 'z', 1, 1, 1, 1, 1, 1"),
    ("coverage_rollups", "'p' || p, 'minute', {t}, 1, 1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_finds_its_rows_by_an_index() {
    let (database, store) = TestDatabase::migrated().await;
    let start = time("2026-05-01");
    store.open_month(Month::of(start).unwrap()).await.unwrap();
    let (own, id) = pass(&store, "gate", start, 3).await;
    let mut connection = database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    connection.execute(FILL).await.unwrap();
    for (table, columns) in COUNTS {
        for (table, first_pass) in [(table.to_owned(), 1), (format!("{table}_unplaced"), 21)] {
            let columns = columns.replace("{t}", &format!("{} + n * 1000000", start.0));
            connection
                .execute(AssertSqlSafe(format!(
                    "INSERT INTO {table} SELECT {columns}
                     FROM generate_series({first_pass}, {first_pass} + 19) p, generate_series(1, 500) n"
                )))
                .await
                .unwrap();
        }
    }
    connection.execute("VACUUM ANALYZE").await.unwrap();
    store.close().await;
    only_one_is_connected(&mut connection).await;
    connection.execute("SELECT pg_stat_reset()").await.unwrap();

    // A store of its own.
    let store = database.store().await;
    let camera_id = CameraId("c4ca4238-a0b9-2382-0dcc-509a6f75849b".parse().unwrap()); // md5 of 1
    let due = store.due_detections(Scope::All, 20).await.unwrap();
    assert_eq!(due.len(), 50 * 10 + 3);
    assert_eq!(store.due_detections(Scope::Passes(std::slice::from_ref(&id)), 20).await.unwrap().len(), 3);
    assert_eq!(store.due_counts(Scope::All).await.unwrap().len(), 50);
    let late = MediaSpan { start: time("1970-01-01T05:00:00Z"), end: time("1970-01-01T05:00:30Z") };
    let (first, last) = store.segments_in(camera_id, late).await.unwrap().unwrap();
    assert_eq!((first.seq, last.seq), (Seq(1800), Seq(1802)));
    store.add_recording(&recording(camera_id, "new", time("2026-05-01"), 10), 5_000_000).await.unwrap();
    let again = recording(camera_id, "new", time("2026-05-01"), 10);
    store.add_recording(&again, 5_000_000).await.unwrap();
    store.recordings(camera_id).await.unwrap();
    camera(&store, "another").await;
    assert!(store.camera_called("registered 7").await.unwrap().is_some());
    let tagged = CameraFilter { tag: Some("tag 7".to_owned()), ..CameraFilter::default() };
    assert_eq!(store.cameras(&tagged, None, 100).await.unwrap().len(), 10);
    assert_eq!(store.cameras(&CameraFilter::default(), Some("registered 5"), 10).await.unwrap().len(), 10);
    assert_eq!(store.passes(Some(camera_id)).await.unwrap().len(), 401);
    store.last_recording(camera_id).await.unwrap();
    store.camera_events(camera_id).await.unwrap();
    store.note_failure(&crate::footage::job(&own, 1), "hm").await.unwrap();
    store.quarantine(&crate::footage::job(&own, 1), "hm").await.unwrap();
    commit(&store, &id, start, 0).await;
    store.next_fold(&id).await.unwrap();
    store.progress(&id).await.unwrap();
    store.crossings(&id).try_collect::<Vec<_>>().await.unwrap();
    store.visits(&id).try_collect::<Vec<_>>().await.unwrap();
    store.line_buckets(&id).try_collect::<Vec<_>>().await.unwrap();
    store.zone_buckets(&id).try_collect::<Vec<_>>().await.unwrap();
    store.coverage(&id).try_collect::<Vec<_>>().await.unwrap();
    store.frames(&id).try_collect::<Vec<_>>().await.unwrap();
    rolls_up(&store, &id, start).await;
    store.close().await;
    only_one_is_connected(&mut connection).await;
    let scanned: Vec<(String, i64)> = sqlx::query_as(
        "SELECT relname::text, seq_scan FROM pg_stat_user_tables
         WHERE seq_scan > 0 AND relid <> ALL (ARRAY['months', 'dirty_hours', '_sqlx_migrations']::regclass[])
           AND (SELECT reltuples FROM pg_class WHERE oid = relid) > 100",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(scanned.is_empty(), "read from end to end: {scanned:?}");

    // Foreign keys have theirs for the day that something is deleted, and `unplaced` is empty here.
    let idle: Vec<String> = sqlx::query_scalar(
        "SELECT s.indexrelname::text FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
         WHERE s.idx_scan = 0 AND NOT i.indisunique AND s.indexrelname !~ '_of_(camera|detector|ruleset|month)$'
           AND s.indexrelname !~ '^camera_events|^unplaced|^partition_log'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(idle.is_empty(), "of no use: {idle:?}");

    // What is due is asked for all the time: the tables themselves are not looked at.
    let (read, fetched): (i64, i64) = sqlx::query_as(
        "SELECT sum(idx_tup_read)::bigint, sum(idx_tup_fetch)::bigint FROM pg_stat_user_indexes
         WHERE indexrelname IN ('segments_pkey', 'detections_pkey')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(read > 1_500 && fetched < read / 10, "{fetched} of {read} rows were fetched");
}

/// All that rolling up asks for, and how analysts read.
async fn rolls_up(store: &Postgres, id: &PassId, start: MediaTime) {
    assert_eq!(store.dirty(Scope::All, 24).await.unwrap().len(), 21);
    let dirty = store.dirty(Scope::Passes(std::slice::from_ref(id)), 24).await.unwrap().remove(0);
    let hour = MediaSpan { start, end: start.plus_us(3_600_000_000) };
    let sums = store.bucket_sums(id, hour).await.unwrap();
    assert!(!sums.lines.is_empty() && !sums.zones.is_empty());
    store.store_rollups(&dirty, &[(Granularity::Hour, sums)]).await.unwrap();
    assert_eq!(store.rollups(id, Granularity::Hour, hour).await.unwrap().lines.len(), 1);
}

/// Waits until all other connections have ended: what they counted is known only then.
async fn only_one_is_connected(connection: &mut PgConnection) {
    let connected = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(connected).fetch_one(&mut *connection).await.unwrap() > 1 {}
}
