//! The shared store's schema and months, as ops bring them about.

use camcount_store::test_database::TestDatabase;

use crate::harness::{Camcount, stderr};

#[tokio::test]
async fn any_number_of_machines_migrates_at_once() {
    let database = TestDatabase::new().await;
    let url = database.url_text();
    let camcount = Camcount::new();
    let status = camcount.ok(["migrate", "--status", "--database-url", &url]);
    assert!(status.starts_with("pending  0001 ") && !status.contains("applied"), "{status}");

    let early = camcount.fails(1, ["partitions", "list", "--database-url", &url]);
    assert!(early.contains("run camcount migrate"), "{early}");
    let machines: Vec<_> =
        (0..4).map(|_| camcount.command(["migrate"]).env("DATABASE_URL", &url).spawn().unwrap()).collect();
    for machine in machines {
        let output = machine.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(String::from_utf8(output.stdout).unwrap().ends_with("is up to date\n"));
    }
    let status = camcount.ok(["migrate", "--status", "--database-url", &url]);
    assert!(status.starts_with("applied  0001 ") && !status.contains("pending"), "{status}");

    let months = camcount.ok(["partitions", "list", "--database-url", &url]);
    assert_eq!(months.lines().count(), 1 + 4, "this month and three ahead: {months}");
    let past = ["--from", "2001-12-24", "--to", "2002-01-01", "--database-url", &url];
    let opened = camcount.ok(["partitions", "ensure"].into_iter().chain(past));
    assert_eq!(opened, "opened   2001-12\n");
    assert_eq!(camcount.ok(["partitions", "ensure"].into_iter().chain(past)), "");
    let months = camcount.ok(["partitions", "list", "--database-url", &url]);
    assert!(months.lines().nth(1).unwrap().starts_with("2001-12  open"), "{months}");
    let ages = ["--from", "0001-01-01", "--to", "2001-01-01", "--database-url", &url];
    assert!(
        camcount.fails(2, ["partitions", "ensure"].into_iter().chain(ages)).contains("more than 600 months")
    );

    let on = |what: &'static str, month: &'static str| ["partitions", what, month, "--database-url", &url];
    assert!(camcount.fails(1, on("release", "2001-12")).contains("is not detached"));
    assert_eq!(camcount.ok(on("detach", "2001-12")), "detached 2001-12\n");
    assert!(camcount.fails(1, on("release", "2001-12")).contains("archive it first"));
    assert!(camcount.fails(1, on("detach", "2001-11")).contains("is not open"));
    assert!(camcount.fails(2, on("detach", "2001-13")).contains("write it like 2026-05"));
}

#[test]
fn a_wrong_database_is_named_and_its_password_is_not() {
    let camcount = Camcount::new();
    let mut nothing = camcount.command(["migrate"]);
    let said = stderr(&nothing.env_remove("DATABASE_URL").output().unwrap());
    assert!(said.contains("DATABASE_URL") && said.contains("--database-url"), "{said}");
    for (code, url, remedy) in [
        // Port 1 is never PostgreSQL's.
        (1, "postgres://ann:s3cret@127.0.0.1:1/counts", "is the server running"),
        (2, "mysql://ann:s3cret@127.0.0.1/counts", "write it like postgres://"),
        (2, "postgres://ann:s3cret@127.0.0.1:nine/counts", "write it like postgres://"),
    ] {
        let said = camcount.fails(code, ["migrate", "--database-url", url]);
        assert!(said.contains(remedy) && !said.contains("s3cret"), "{said}");
        for args in [&["config", "show"][..], &["--help"], &["migrate", "--help"]] {
            let output = camcount.command(args).env("DATABASE_URL", url).output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && said.to_lowercase().contains("database"), "{said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
