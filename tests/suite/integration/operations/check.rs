//! Integration: the real binary's `check` command.

use std::{collections::BTreeMap, fs::Permissions, os::unix::fs::PermissionsExt as _};

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use serde_json::{Value, json};
use stripe_simulator::{Configuration, Mode};

use crate::support::{
    ClientError, World,
    process::{run, serve_at, signal, text},
    stripe::{alter, respond_with},
    world::{FLAG_OFF, bearer, connect, home},
};

/// Runs `check`, and returns its rows and the exit code.
async fn rows(world: &World, changes: &[&str]) -> (Vec<Value>, i32) {
    let output = run(world, &["check", "--format=json"], changes).await;
    let rows = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (rows, output.status.code().unwrap())
}

fn cell<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

/// Runs `check`, and returns the status of each item and the exit code.
async fn check(world: &World, changes: &[&str]) -> (BTreeMap<String, String>, i32) {
    let (rows, code) = rows(world, changes).await;
    (rows.iter().map(|row| (cell(row, "what").to_owned(), cell(row, "status").to_owned())).collect(), code)
}

#[tokio::test]
async fn valid_configuration_passes_every_check() {
    let world = World::start().await;
    std::fs::write(world.path("stripe.key"), "rk_test_all").unwrap();
    let (items, code) = check(&world, &[]).await;
    let expected = [
        "settings",
        "principal keys",
        "principal tokens",
        "directory",
        "flag",
        "audit log",
        "Stripe key",
        "Stripe account",
        "read customers",
        "create sessions",
        "portal configuration",
    ];
    assert_eq!(items, expected.map(|what| (what.to_owned(), "ok".to_owned())).into());
    assert_eq!(code, 0);
    // The only write asks for a session of a customer that does not exist.
    let requests = world.stripe.requests();
    let mut writes = requests.iter().filter(|request| request.method != "GET");
    assert!(writes.next().unwrap().body.contains("customer=cus_NoSuchCustomer") && writes.next().is_none());

    let output = run(&world, &["check"], &[]).await;
    let table = text(&output.stdout);
    assert!(table.starts_with("WHAT") && table.contains("acct_") && !table.contains('\u{1b}'), "{table}");
    assert_eq!(text(&output.stderr), "");
}

#[tokio::test]
async fn each_failed_check_is_named_and_exits_1() {
    let world = World::start().await;
    let nowhere = format!("--stripe-secret-key-file={}", world.path("nowhere").display());
    for (change, what) in [
        ("--database-url=sqlite:/nowhere", "directory"),
        ("--flags-file=/nowhere", "flag"),
        ("--flag-key=other", "flag"),
        ("--principal-jwks=/nowhere", "principal keys"),
        ("--principal-jwks=https://127.0.0.1:1/jwks", "principal keys"),
        ("--audit=file:/nowhere/x", "audit log"),
        (&nowhere, "Stripe key"),
        ("--stripe-api-base=http://127.0.0.1:1", "Stripe account"),
        ("--stripe-portal-configuration=bpc_unknown", "portal configuration"),
    ] {
        let (items, code) = check(&world, &[change]).await;
        assert_eq!((items[what].as_str(), code), ("failed", 1), "{change}: {items:?}");
    }
    // A flag that is off for everyone is a valid configuration.
    std::fs::write(world.path("flags.json"), FLAG_OFF).unwrap();
    assert_eq!(check(&world, &[]).await.1, 0);
    world.stripe.add_configuration(Configuration::new("bpc_off").active(false));
    let (items, code) = check(&world, &["--stripe-portal-configuration=bpc_off"]).await;
    assert_eq!((items["portal configuration"].as_str(), code), ("failed", 1));
    world.stripe.remove_configurations(Mode::Test);
    let (items, code) = check(&world, &[]).await;
    assert_eq!((items["portal configuration"].as_str(), code), ("failed", 1));
    std::fs::write(world.path("stripe.key"), "sk_test_unknown").unwrap();
    let (items, code) = check(&world, &[]).await;
    assert_eq!((items["Stripe account"].as_str(), code), ("failed", 1));
}

#[tokio::test]
async fn warns_about_owner_check_bypasses_and_unreadable_items() {
    let world = World::start().await;
    let permissive = Configuration::new("bpc_open").allowed_updates(&["email", "name"]).login_page(true);
    world.stripe.add_configuration(permissive);
    let (items, code) = check(&world, &["--stripe-portal-configuration=bpc_open"]).await;
    assert_eq!((items["e-mail editing"].as_str(), items["login page"].as_str(), code), ("warning", "warning", 0));

    // A secret key can do more than the service needs.
    let (items, code) = check(&world, &[]).await;
    assert_eq!((items["Stripe key"].as_str(), code), ("warning", 0));
    std::fs::write(world.path("stripe.key"), "rk_test_sessions").unwrap();
    let (rows, _) = rows(&world, &[]).await;
    let account = rows.iter().find(|row| row["what"] == "Stripe account").unwrap();
    assert_eq!(cell(account, "status"), "warning");
    assert!(cell(account, "detail").ends_with("(rak_accounts_kyc_basic_read)"), "{account}");
}

#[tokio::test]
async fn skipped_keys_are_named() {
    let world = World::start().await;
    let keys = json!({"keys": [world.issuer.jwk(), {"kty": "EC", "crv": "P-384", "kid": "other"}]});
    std::fs::write(world.path("jwks.json"), keys.to_string()).unwrap();
    let (rows, code) = rows(&world, &[]).await;
    let detail = cell(rows.iter().find(|row| row["what"] == "principal keys").unwrap(), "detail");
    assert!(detail.starts_with("1 usable in ") && detail.contains("; skipped: key 1: not a public key"), "{detail}");
    assert_eq!(code, 0);
}

#[tokio::test]
async fn key_that_lacks_a_permission_fails_and_the_permission_is_named() {
    let world = World::start().await;
    for (key, lacking, permission, other) in [
        ("rk_test_customers", "create sessions", "rak_customer_portal_write", "read customers"),
        ("rk_test_sessions", "read customers", "rak_customer_read", "create sessions"),
    ] {
        std::fs::write(world.path("stripe.key"), key).unwrap();
        let (rows, code) = rows(&world, &[]).await;
        let row = |what: &str| rows.iter().find(|row| row["what"] == what).unwrap();
        assert_eq!((cell(row(lacking), "status"), cell(row(other), "status"), code), ("failed", "ok", 1));
        let detail = cell(row(lacking), "detail");
        assert!(detail.contains("STRIPE_CREDENTIALS") && detail.contains(permission), "{detail}");
        assert!(!detail.contains("rk_test") && !detail.contains("acct_"), "{detail}");
        // A call is refused with the same cause in the log.
        let mut arguments = world.settings(&[]);
        arguments.push("--listen=127.0.0.1:0".to_owned());
        let serving = serve_at("info", &arguments).await;
        let channel = connect(serving.address).await;
        let call = BillingPortalClient::new(channel).create_portal_session(bearer(&world.olivia(), home())).await;
        assert_eq!(ClientError::of(&call.unwrap_err()).reason, "STRIPE_CREDENTIALS");
        signal(&serving.child, "-TERM");
        let log = serving.log.await.unwrap();
        assert!(log.contains(&format!(", missing permission: {permission})")) && !log.contains("would allow"), "{log}");
    }
    // Stripe's later text names the permission without a prefix.
    let message = "Permission denied. The provided key 'rk_test_***wxyz' does not have the required permissions for this endpoint on \
                   account 'acct_1'. Enabling \"Customers Read\" ('customer_read') permissions on this key would allow this request \
                   to continue. You can edit permissions at https://dashboard.stripe.com/b/acct_1";
    let error = json!({"type": "invalid_request_error", "code": "more_permissions_required", "message": message});
    world.stripe.tamper(Some(alter("/v1/customers", respond_with(403, json!({"error": error})))));
    let (rows, _) = rows(&world, &[]).await;
    let detail = cell(rows.iter().find(|row| row["what"] == "read customers").unwrap(), "detail");
    assert!(detail.ends_with(", missing permission: customer_read)"), "{detail}");
}

#[tokio::test]
async fn shows_the_effective_rules_for_tokens_and_warns_about_generic_types() {
    let world = World::start().await;
    let usual = "typ principal+jwt; user in sub, tenant in tenant, role in role; owner roles owner; audiences billing-portal; \
                 at most 5m";
    let provider = [
        "--principal-token-types=application/at+jwt,JWT",
        "--principal-tenant-claim=https://example.com/org_id",
        "--principal-role-claim=/a~1b/roles",
        "--owner-roles=owner,org:admin",
        "--principal-other-audiences=https://login.test/userinfo",
        "--principal-max-lifetime=24h",
    ];
    let shown = "typ at+jwt,jwt; user in sub, tenant in https://example.com/org_id, role in /a~1b/roles; \
                 owner roles owner,org:admin; audiences billing-portal,https://login.test/userinfo; at most 1day; \
                 JWT and none also accept other tokens of this issuer and audience";
    for (changes, status, detail) in [(&[][..], "ok", usual), (&provider, "warning", shown)] {
        let (rows, code) = rows(&world, changes).await;
        let row = rows.iter().find(|row| row["what"] == "principal tokens").unwrap();
        assert_eq!((cell(row, "status"), cell(row, "detail"), code), (status, detail, 0));
    }
    for (types, status) in [("none", "warning"), ("at+jwt,none", "warning"), ("at+jwt", "ok")] {
        let (items, _) = check(&world, &[&format!("--principal-token-types={types}")]).await;
        assert_eq!(items["principal tokens"], status, "{types}");
    }
}

#[tokio::test]
async fn says_why_the_flag_is_off() {
    let world = World::start().await;
    for (file, status, detail) in [
        (FLAG_OFF, "ok", "is off for all tenants: flag is disabled"),
        (r#"{"flags":{}}"#, "failed", "does not define"),
        (r#"{"flags":{"billing-portal":{"state":"ENABLED"}}}"#, "failed", "not valid: it has no variants"),
        (r#"{"flags":"#, "failed", "cannot be used: not valid JSON"),
    ] {
        std::fs::write(world.path("flags.json"), file).unwrap();
        let (rows, code) = rows(&world, &[]).await;
        let row = rows.iter().find(|row| row["what"] == "flag").unwrap();
        assert_eq!((cell(row, "status"), code), (status, i32::from(status == "failed")), "{file}: {row}");
        assert!(cell(row, "detail").contains(detail), "{file}: {row}");
    }
}

#[tokio::test]
async fn warns_once_about_each_secret_that_everyone_can_read() {
    let world = World::start().await;
    let open = tempfile::tempdir_in("/tmp").unwrap();
    let (key, password) = (open.path().join("stripe.key"), open.path().join("password"));
    std::fs::write(&key, world.stripe.secret_key(Mode::Test)).unwrap();
    std::fs::write(&password, "secret").unwrap();
    for file in [open.path(), &key, &password] {
        std::fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
    }
    let key_setting = format!("--stripe-secret-key-file={}", key.display());
    let password_setting = format!("--database-password-file={}", password.display());
    let postgres = "--database-url=postgres://reader@127.0.0.1:1/app?sslmode=disable";
    let exposed = async |changes: &[&str]| {
        let (rows, _) = rows(&world, changes).await;
        let rows = rows.iter().filter(|row| row["what"] == "file permissions" && row["status"] == "warning");
        rows.map(|row| cell(row, "detail").split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(exposed(&[&key_setting]).await, ["--stripe-secret-key-file"]);
    let both = ["--stripe-secret-key-file", "--database-password-file"];
    assert_eq!(exposed(&[&key_setting, &password_setting, postgres]).await, both);
    // The path as a whole counts, so a directory that others cannot open is sufficient.
    std::fs::set_permissions(open.path(), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(exposed(&[&key_setting, &password_setting, postgres]).await, [""; 0]);
}

#[tokio::test]
async fn options_of_other_commands_are_rejected() {
    let world = World::start().await;
    for (command, option) in [("serve", "--missing"), ("check", "--resume=x"), ("serve", "--format=json")] {
        let output = run(&world, &[command, option], &[]).await;
        assert_eq!(output.status.code(), Some(64), "{command} {option}");
        let message = text(&output.stderr);
        assert!(message.contains(option.split('=').next().unwrap()) && message.lines().count() == 1, "{message}");
    }
}
