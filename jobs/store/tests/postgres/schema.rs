//! What holds of the schema as a whole.

use camcount_store::{Migrations, test_database::TestDatabase};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

async fn list(connection: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

/// Everything in the schema, for comparison.
const EVERYTHING: &str =
    "SELECT format('%s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ '^_sqlx' ORDER BY c.relname, a.attnum";

#[tokio::test]
async fn it_explains_itself_and_has_a_way_back() {
    let (database, _) = TestDatabase::migrated().await;
    let options: PgConnectOptions = database.url_text().parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let unexplained = list(
        &mut connection,
        "SELECT c.relname || coalesce('.' || a.attname, '')
         FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND c.relname !~ '^_sqlx'
           AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)",
    )
    .await;
    assert!(unexplained.is_empty(), "without a comment: {unexplained:?}");

    let slow = list(
        &mut connection,
        "SELECT f.conrelid::regclass || '.' || f.conname FROM pg_constraint f
         WHERE f.contype = 'f' AND f.conparentid = 0 AND NOT EXISTS (
             SELECT FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indpred IS NULL
               AND (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(f.conkey)] @> f.conkey)",
    )
    .await;
    assert!(slow.is_empty(), "foreign keys without an index: {slow:?}");

    let before = list(&mut connection, EVERYTHING).await;
    assert!(before.len() > 100, "{before:?}");
    let mut migrations = Migrations::connect(&database.url()).await.unwrap();
    migrations.undo().await.unwrap();
    assert!(migrations.status().await.unwrap().iter().all(|step| !step.applied));
    assert_eq!(list(&mut connection, EVERYTHING).await, [""; 0]);
    migrations.run().await.unwrap();
    assert_eq!(list(&mut connection, EVERYTHING).await, before);
}
