//! Integration: database URLs as managed providers print them are accepted, or refused with a message that says what to change.

use std::net::TcpListener;

use rcgen::{CertificateParams, KeyPair};

use crate::support::process::run_with;

/// Where the documents say that the file with the provider's CA is.
const CA: &str = "/ca.pem";

const PASSWORD: (&str, &str, &str) = ("--database-password-file", ":hunter2@", "@");
const VERIFY: (&str, &str, &str) = ("sslmode=verify-full", "sslmode=require", "sslmode=verify-full");
const VERIFY_BY_CA: (&str, &str, &str) =
    ("sslmode=verify-full", "sslmode=require", "sslmode=verify-full&sslrootcert=/ca.pem");

/// A part of a message, and the change of the URL that it asks for.
type Fix = (&'static str, &'static str, &'static str);

/// The URLs of the providers' consoles and documents, and the fixes in the order in which the messages ask for them.
const URLS: &[(&str, &[Fix])] = &[
    // Neon: https://neon.com/docs/connect/connect-securely
    (
        "postgresql://alex:hunter2@ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech/dbname\
         ?sslmode=require&channel_binding=require",
        &[PASSWORD, VERIFY, ("channel_binding=prefer", "channel_binding=require", "channel_binding=prefer")],
    ),
    (
        "postgresql://alex:hunter2@ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech/dbname\
         ?sslmode=require&options=endpoint%3Dep-cool-darkness-a1b2c3d4",
        &[("parameter options; remove it", "&options=endpoint%3Dep-cool-darkness-a1b2c3d4", ""), PASSWORD, VERIFY],
    ),
    // Supabase, direct connection and both modes of its pooler: https://supabase.com/docs/guides/database/connecting-to-postgres
    (
        "postgresql://postgres:[YOUR-PASSWORD]@db.apbkobhfnmcqqzqeeqss.supabase.co:5432/postgres",
        &[
            ("--database-password-file", ":[YOUR-PASSWORD]", ""),
            ("sslrootcert=FILE", ":5432/postgres", ":5432/postgres?sslmode=verify-full&sslrootcert=/ca.pem"),
        ],
    ),
    (
        "postgres://postgres.apbkobhfnmcqqzqeeqss:[YOUR-PASSWORD]@aws-0-eu-central-1.pooler.supabase.com:5432/postgres",
        &[
            ("--database-password-file", ":[YOUR-PASSWORD]", ""),
            ("sslrootcert=FILE", ":5432/postgres", ":5432/postgres?sslmode=verify-full&sslrootcert=/ca.pem"),
        ],
    ),
    (
        "postgres://postgres.apbkobhfnmcqqzqeeqss:hunter2@aws-0-eu-central-1.pooler.supabase.com:6543/postgres\
         ?pgbouncer=true&connection_limit=1&sslmode=require",
        &[
            ("parameter pgbouncer; remove it", "pgbouncer=true&", ""),
            ("--database-max-connections", "connection_limit=1&", ""),
            PASSWORD,
            VERIFY_BY_CA,
        ],
    ),
    // RDS and the cluster endpoint of Aurora:
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    (
        "postgresql://postgres:hunter2@mydb.c5abcdefgh12.us-east-1.rds.amazonaws.com:5432/app\
         ?sslmode=verify-full&sslrootcert=/ca.pem",
        &[PASSWORD],
    ),
    (
        "postgresql://postgres:hunter2@mydb.cluster-c5abcdefgh12.us-east-1.rds.amazonaws.com:5432/app?sslmode=require",
        &[PASSWORD, VERIFY_BY_CA],
    ),
    // Cloud SQL by the socket of its Auth Proxy, and as Prisma writes it: https://cloud.google.com/sql/docs/postgres/connect-run
    ("postgresql://portal:hunter2@/app?host=/cloudsql/my-project:europe-west1:my-instance", &[]),
    (
        "postgresql://portal:hunter2@localhost/app?host=/cloudsql/my-project:europe-west1:my-instance",
        &[("duplicate host", "@localhost/", "@/")],
    ),
    ("postgresql://portal:hunter2@127.0.0.1:5432/app", &[]),
    (
        "postgresql://portal:hunter2@203.0.113.5:5432/app?sslmode=verify-ca&sslcert=client-cert.pem&sslkey=client-key.pem",
        &[
            ("parameter sslcert; remove it", "&sslcert=client-cert.pem", ""),
            ("parameter sslkey; remove it", "&sslkey=client-key.pem", ""),
            PASSWORD,
            ("sslmode=verify-full", "verify-ca", "verify-full&sslrootcert=/ca.pem"),
        ],
    ),
    // Azure, flexible server, also with the user name of the former single server, and the string for PHP of its console:
    // https://learn.microsoft.com/azure/postgresql/flexible-server/quickstart-create-server
    (
        "postgresql://dbadmin:hunter2@demo.postgres.database.azure.com/flexibleserverdb?sslmode=require",
        &[PASSWORD, VERIFY],
    ),
    (
        "postgresql://dbadmin@demo:hunter2@demo.postgres.database.azure.com:6432/app?sslmode=require",
        &[PASSWORD, VERIFY],
    ),
    (
        "host=demo.postgres.database.azure.com port=5432 dbname=app user=dbadmin password=hunter2 sslmode=require",
        &[(
            "expected the URL form instead of keywords: postgres://USER@HOST:PORT/DATABASE",
            "host=demo.postgres.database.azure.com port=5432 dbname=app user=dbadmin password=hunter2 sslmode=require",
            "postgres://dbadmin@demo.postgres.database.azure.com/app?sslmode=verify-full",
        )],
    ),
    // Heroku, Render, DigitalOcean.
    (
        "postgres://u4gd:hunter2@ec2-107-20-0-1.compute-1.amazonaws.com:5432/d8r82722",
        &[PASSWORD, ("missing sslmode", "/d8r82722", "/d8r82722?sslmode=verify-full&sslrootcert=/ca.pem")],
    ),
    (
        "postgresql://portal:hunter2@dpg-abc123-a.oregon-postgres.render.com/app",
        &[PASSWORD, ("missing sslmode", "/app", "/app?sslmode=verify-full")],
    ),
    (
        "postgresql://doadmin:hunter2@db-postgresql-nyc1-12345-do-user-1-0.b.db.ondigitalocean.com:25060/defaultdb\
         ?sslmode=require",
        &[PASSWORD, VERIFY_BY_CA],
    ),
    // Parameters that other clients add.
    (
        "postgresql://portal@db.example.com/app?schema=public&pool_timeout=5&ssl=true&uselibpqcompat=true&sslmode=require",
        &[
            ("--database-schema", "schema=public&", ""),
            ("--deadline", "pool_timeout=5&", ""),
            ("sslmode=verify-full", "ssl=true&", ""),
            ("remove it", "uselibpqcompat=true&", ""),
            VERIFY,
        ],
    ),
];

/// Writes a CA certificate.
fn ca_file(folder: &std::path::Path) -> String {
    let certificate = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
    let path = folder.join("ca.pem");
    std::fs::write(&path, certificate.pem()).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn messages_lead_from_the_url_of_a_provider_to_one_that_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let ca = ca_file(folder.path());
    let setting = |url: &str| format!("--database-url={}", url.replace(CA, &ca));
    let cases = URLS.iter().map(|(url, fixes)| async move {
        let mut url = (*url).to_owned();
        for (message, part, replacement) in *fixes {
            assert_refused(&[&setting(&url)], &[], "DATABASE_URL", message).await;
            assert!(url.contains(part), "{url}");
            url = url.replace(part, replacement);
        }
        assert_accepted(&[&setting(&url)]).await;
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test]
async fn documented_url_of_each_provider_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let ca = ca_file(folder.path());
    let page = include_str!("../../../../docs/directory.md");
    let section = page.split("\n## Managed providers\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let urls: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("    postgres://")).collect();
    assert_eq!(urls.len(), 10, "{urls:?}");
    for url in urls {
        assert_accepted(&[&format!("--database-url=postgres://{}", url.replace(CA, &ca))]).await;
    }
}

/// The password in every setting of these tests that has one. It must never be printed.
const SECRET: &str = "hunter2";

async fn assert_refused(changes: &[&str], variables: &[(&str, &str)], named: &str, problem: &str) {
    let output = run_with(changes, variables).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{changes:?}: {text}");
    let messages: Vec<_> = text.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(messages.len(), 1, "{changes:?}: {text}");
    assert!(messages[0].starts_with(&format!("billing-portal: {named}: ")), "{changes:?}: {text}");
    assert!(messages[0].contains(problem), "{changes:?}: {text}");
    assert!(!text.contains(SECRET), "{changes:?}: {text}");
}

/// Asserts that settings are accepted: the process fails only when it binds its address, which is in use.
async fn assert_accepted(changes: &[&str]) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let output = run_with(&[changes, &[&listen]].concat(), &[]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{changes:?}: {text}");
    assert!(!text.contains(SECRET), "{changes:?}: {text}");
}
