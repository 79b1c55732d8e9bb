//! Migrating: by many at once, and refused with a remedy.

use camcount_store::{Migrations, Postgres, PostgresOptions, StoreError, test_database::TestDatabase};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, postgres::PgConnectOptions};

#[tokio::test(flavor = "multi_thread")]
async fn many_may_migrate_at_once() {
    let database = TestDatabase::new().await;
    let older = Postgres::connect(&PostgresOptions::new(database.url())).await.unwrap_err();
    assert!(
        matches!(older, StoreError::OlderSchema { .. }) && older.to_string().contains("camcount migrate")
    );
    let migrate = || async {
        let mut migrations = Migrations::connect(&database.url()).await.unwrap();
        migrations.run().await.unwrap();
        migrations.status().await.unwrap()
    };
    for status in join_all((0..6).map(|_| migrate())).await {
        assert!(status.len() >= 2 && status.iter().all(|step| step.applied), "{status:?}");
    }
    database.store().await;
}

#[tokio::test]
async fn a_newer_schema_is_left_alone_and_still_used() {
    let (database, _) = TestDatabase::migrated().await;
    let mut connection = database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    connection
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'the future', true, '', 0)",
        )
        .await
        .unwrap();
    let mut migrations = Migrations::connect(&database.url()).await.unwrap();
    assert!(matches!(migrations.status().await, Err(StoreError::NewerSchema { .. })));
    assert!(matches!(migrations.run().await, Err(StoreError::NewerSchema { .. })));
    // Programs go on while others are brought up to date.
    database.store().await;
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let database = TestDatabase::new().await;
    let mut connection = database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let role = format!("camcount_nobody_{}", std::process::id());
    connection.execute(AssertSqlSafe(format!("CREATE ROLE {role}"))).await.unwrap();
    connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC").await.unwrap();
    let url = format!("{}&options=-c%20role%3D{role}", database.url_text());
    let refused = Migrations::connect(&url.parse().unwrap()).await.unwrap().run().await.unwrap_err();
    connection.execute(AssertSqlSafe(format!("DROP ROLE {role}"))).await.unwrap();
    assert!(refused.to_string().contains("need a user who owns the database"), "{refused}");
    assert!(!refused.is_environment());

    // Port 1 is never PostgreSQL's.
    let nowhere = "postgres://ann:s3cret@127.0.0.1:1/counts".parse().unwrap();
    let away = Migrations::connect(&nowhere).await.unwrap_err();
    assert!(away.is_environment());
    let text = format!("{away} {away:?}");
    assert!(
        text.contains("postgres://ann@127.0.0.1:1/counts") && text.contains("is the server running"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");

    let nothing = format!("{}_gone", database.url_text());
    let missing = Migrations::connect(&nothing.parse().unwrap()).await.unwrap_err();
    assert!(missing.to_string().contains("createdb"), "{missing}");
}
