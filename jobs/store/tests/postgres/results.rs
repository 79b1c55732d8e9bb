//! The views that analysts read: every line in every known period, and by an index.

use camcount_domain::{
    CoverageBucket, FrameSize, Granularity, LineSum, MediaSpan, Pass, Sums, ZoneBucket, rules::RulesDraft,
};
use camcount_store::{Month, RolledUp, Rollups, Scope, Store, test_database::TestDatabase};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, FromRow, postgres::PgConnectOptions};

use crate::footage::{commit, pass, time};

#[derive(FromRow, Debug, PartialEq)]
struct Counted {
    camera: String,
    line: String,
    class: Option<String>,
    local_start: String,
    total: i64,
    confidence: Option<f64>,
    observed_s: f64,
}

#[tokio::test]
async fn a_line_that_nobody_crossed_has_a_row_and_an_unknown_period_has_none() {
    let (database, store) = TestDatabase::migrated().await;
    // One hour in an open month, one aside.
    let (aside, inside) = (time("2026-04-30T22:00:00Z"), time("2026-05-01T10:00:00Z"));
    store.open_month(Month::of(inside).unwrap()).await.unwrap();
    let (plain, _) = pass(&store, "gate", aside, 4).await;
    let mut rules = RulesDraft::default();
    rules.lines.push("door: 0.1,0.2 -> 0.3,1".parse().unwrap());
    rules.lines.push("road: 0.5,0.2 -> 0.3,1".parse().unwrap());
    rules.zones.push("hall: 0,0 1,0 1,1".parse().unwrap());
    let rules = rules.resolve(FrameSize { width: 640, height: 360 }).unwrap();
    let own = Pass { ruleset: store.register_ruleset(&rules).await.unwrap(), ..plain };
    let id = store.open_pass(&own).await.unwrap();
    commit(&store, &id, aside, 0).await;
    let line = |class: &str, start| LineSum {
        line: "door".into(),
        class: class.into(),
        start,
        count_in: 3,
        count_out: 1,
        confidence_sum: 34_000,
    };
    let zone = ZoneBucket {
        zone: "hall".into(),
        start: inside,
        entered: 3,
        left: 2,
        occupancy_min: 0,
        occupancy_max: 4,
        occupied_us: 25_000_000,
        stationary_us: 0,
    };
    let coverage = |start| CoverageBucket { start, observed_us: 10_000_000, gap_us: 5_000_000 };
    let hours = Sums {
        lines: vec![line("person", aside), line("car", inside), line("person", inside)],
        zones: vec![zone],
        coverage: vec![coverage(aside), coverage(inside)],
    };
    let taken = store.dirty(Scope::All, 9).await.unwrap().remove(0);
    assert_eq!(store.store_rollups(&taken, &[(Granularity::Hour, hours)]).await.unwrap(), RolledUp::Now);

    let mut connection = database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let rows: Vec<Counted> = sqlx::query_as(
        "SELECT camera, line, class, local_start::text, total, confidence::float8, observed_s::float8
         FROM counting_results WHERE granularity = 'hour' ORDER BY starts_at, line, class",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let row = |line: &str, class: Option<&str>, local_start: &str| Counted {
        camera: "gate".into(),
        line: line.into(),
        class: class.map(str::to_owned),
        local_start: local_start.into(),
        total: if class.is_some() { 4 } else { 0 },
        confidence: class.map(|_| 0.85),
        observed_s: 10.0,
    };
    assert_eq!(
        rows,
        [
            row("door", Some("person"), "2026-04-30 22:00:00"),
            row("road", None, "2026-04-30 22:00:00"),
            row("door", Some("car"), "2026-05-01 10:00:00"),
            row("door", Some("person"), "2026-05-01 10:00:00"),
            row("road", None, "2026-05-01 10:00:00"),
        ]
    );
    let zones: Vec<(String, i64, Option<f64>)> = sqlx::query_as(
        "SELECT zone, entered, occupancy_mean::float8 FROM zone_results WHERE granularity = 'hour'
         ORDER BY starts_at",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(zones, [("hall".into(), 0, None), ("hall".into(), 3, Some(2.5))]);
}

/// Of many passes and months, only what is asked for is read.
#[tokio::test]
async fn results_of_a_pass_are_found_by_an_index() {
    let (database, store) = TestDatabase::migrated().await;
    let months = MediaSpan { start: time("2026-05-01"), end: time("2026-09-01") };
    for month in Month::touched(months) {
        store.open_month(month).await.unwrap();
    }
    let (_, id) = pass(&store, "gate", months.start, 4).await;
    let mut connection = database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    for (table, columns) in [("line_rollups", "'l', 'person', 1, 1, 1"), ("coverage_rollups", "1, 1")] {
        let fill = format!(
            "INSERT INTO {table} SELECT coalesce(nullif('p' || p, 'p0'), '{id}'), 'hour', {start} + h * 3600000000, {columns}
             FROM generate_series(0, 20) p, generate_series(0::bigint, 2900) h",
            start = months.start.0
        );
        connection.execute(AssertSqlSafe(fill)).await.unwrap();
    }
    connection.execute("ANALYZE").await.unwrap();
    let explain = format!(
        "EXPLAIN (ANALYZE, TIMING OFF) SELECT total FROM counting_results
         WHERE pass = '{id}' AND granularity = 'hour' AND start_us >= {} AND start_us < {}",
        time("2026-06-03").0,
        time("2026-06-04").0
    );
    let plan: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("coverage_rollups_2026_06_pkey"), "{plan}");
    assert!(
        !plan.contains("Scan on coverage_rollups_2026_07") && !plan.contains("Seq Scan on line_rollups_2"),
        "{plan}"
    );
}
