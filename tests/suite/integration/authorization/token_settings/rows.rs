//! The tokens, and the settings that accept them.

use serde_json::{Map, Value, json};

/// The settings that accept the claims `sub`, `tenant` and `role` of a token with the default type.
const USUAL: &str = "default roles audiences lifetime";

/// The settings that refuse such a token with NOT_OWNER if its claims are not those of an owner.
const USUAL_AND_SAME: &str = "default roles audiences lifetime same";

/// Changes the header and the claims of a valid token.
pub(super) type Change = Box<dyn Fn(&mut Value, &mut Value) + Send + Sync>;

/// A token, and the settings with which it opens the portal of acme, or is refused with NOT_OWNER. With all other settings it is
/// refused with TOKEN_INVALID.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) change: Change,
    pub(super) opens: &'static str,
    pub(super) not_owner: &'static str,
}

fn row(
    name: impl Into<String>,
    opens: &'static str,
    not_owner: &'static str,
    change: impl Fn(&mut Value, &mut Value) + Send + Sync + 'static,
) -> Row {
    Row { name: name.into(), change: Box::new(change), opens, not_owner }
}

/// A row with one other member of the header.
fn header(name: &'static str, value: Value, opens: &'static str, not_owner: &'static str) -> Row {
    row(format!("{name}: {value}"), opens, not_owner, move |header, _| header[name] = value.clone())
}

/// A row with one other claim.
fn claim(name: &'static str, value: Value, opens: &'static str, not_owner: &'static str) -> Row {
    row(format!("{name}: {value}"), opens, not_owner, move |_, claims| claims[name] = value.clone())
}

/// A row whose claims about the person are only these.
fn person(value: Value, opens: &'static str, not_owner: &'static str) -> Row {
    row(format!("person: {value}"), opens, not_owner, move |_, claims| {
        let members = claims.as_object_mut().unwrap();
        for name in ["sub", "tenant", "role"] {
            members.remove(name);
        }
        members.extend(value.as_object().cloned().unwrap_or_else(Map::new));
    })
}

fn lifetime(seconds: u64, opens: &'static str, not_owner: &'static str) -> Row {
    row(format!("lifetime of {seconds} s"), opens, not_owner, move |_, claims| {
        claims["exp"] = json!(claims["iat"].as_u64().unwrap() + seconds);
    })
}

/// Returns every row.
pub(super) fn all() -> Vec<Row> {
    [types(), roles(), audiences(), lifetimes(), people()].into_iter().flatten().collect()
}

fn types() -> Vec<Row> {
    // With other owner roles or claims, every spelling of the type that RFC 7515 permits is accepted.
    let mut rows = vec![
        row("as made for this service", USUAL, "same", |_, _| {}),
        header("typ", json!("Principal+JWT"), "roles", "same"),
        header("typ", json!("application/principal+jwt"), "roles", "same"),
        row("no typ", "none", "", |header, _| drop(header.as_object_mut().unwrap().remove("typ"))),
    ];
    for spelling in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt", "JWT", "jwt", "application/jwt"] {
        rows.push(header("typ", json!(spelling), "types", ""));
    }
    for other in [
        json!(null),
        json!(""),
        json!("none"),
        json!(" at+jwt"),
        json!("at+jwt;v=1"),
        json!("text/at+jwt"),
        json!("/at+jwt"),
        json!("application/application/at+jwt"),
        json!("id+jwt"),
        json!("logout+jwt"),
        json!(["at+jwt"]),
        json!({"at+jwt": 1}),
        json!(false),
        json!("at+jwt,JWT"),
        json!("*"),
        json!("principal+jwt\n"),
        json!("*/*"),
        json!("dpop+jwt"),
    ] {
        rows.push(header("typ", other, "", ""));
    }
    rows
}

fn roles() -> Vec<Row> {
    let many = |count: usize| json!(vec!["member"; count - 1].into_iter().chain(["owner"]).collect::<Vec<_>>());
    let mut rows = vec![
        claim("role", json!(["owner"]), "roles", "same"),
        claim("role", json!(["member", "org:admin"]), "roles", "same"),
        claim("role", many(64), "roles", "same"),
        claim("role", json!(["member", "Owner", "org:*"]), "", "roles same"),
        claim("role", json!("org:admin"), "roles", "default audiences lifetime same"),
    ];
    for other in ["Org:Admin", "org:admin ", "org", "org:*", "*", "owner,org:admin", "Owner", "member"] {
        rows.push(claim("role", json!(other), "", USUAL_AND_SAME));
    }
    for malformed in [
        many(65),
        json!([]),
        json!(["owner", 7]),
        json!([7, "owner"]),
        json!(["owner", null]),
        json!(["owner", ""]),
        json!([["owner"]]),
        json!({"owner": true}),
        json!(""),
        json!(null),
        json!(true),
        json!(1),
        json!([{"name": "owner"}]),
    ] {
        rows.push(claim("role", malformed, "", ""));
    }
    rows.push(row("no role", "", "", |_, claims| drop(claims.as_object_mut().unwrap().remove("role"))));
    rows
}

fn audiences() -> Vec<Row> {
    let info = "https://login.test/userinfo";
    let mut rows = vec![
        claim("aud", json!(["billing-portal"]), USUAL, "same"),
        claim("aud", json!(["billing-portal", info]), "audiences", ""),
        claim("aud", json!([info, "billing-portal"]), "audiences", ""),
        claim("aud", json!(["second", "billing-portal", info]), "audiences", ""),
    ];
    for other in [
        json!(info),
        json!([info]),
        json!([info, "second"]),
        json!(["billing-portal", "third"]),
        json!(["billing-portal", info, "third"]),
        json!(["billing-portal", "billing-portal"]),
        json!(["billing-portal", info, info]),
        json!(["billing-portal", 7]),
        json!(["billing-portal", null]),
        json!(["billing-portal", [info]]),
        json!(["billing-portal", ""]),
        json!([]),
        json!([null]),
        json!({"billing-portal": info}),
        json!(format!("billing-portal {info}")),
        json!("Billing-Portal"),
        json!(null),
        json!(7),
        json!(["billing-portal", "Second"]),
        json!(vec!["billing-portal"; 100]),
    ] {
        rows.push(claim("aud", other, "", ""));
    }
    rows.push(row("no aud", "", "", |_, claims| drop(claims.as_object_mut().unwrap().remove("aud"))));
    rows
}

fn lifetimes() -> Vec<Row> {
    vec![
        lifetime(300, USUAL, "same"),
        lifetime(301, "lifetime", ""),
        lifetime(360, "lifetime", ""),
        lifetime(3_600, "lifetime", ""),
        lifetime(3_601, "", ""),
        lifetime(86_400, "", ""),
        lifetime(0, "", ""),
        claim("exp", json!(u64::MAX), "", ""),
    ]
}

fn people() -> Vec<Row> {
    let org = "https://example.com/org_id";
    let literal = |tenant: Value, role: Value| json!({"user.id": "olivia", org: tenant, "app:roles": role});
    let nested =
        |tenant: Value, role: Value| json!({"u": {"id": "olivia"}, "o": {"id": tenant, "roles": {"a/b": role}}});
    let mut rows = vec![
        person(literal(json!("acme"), json!("owner")), "literal", ""),
        person(literal(json!("acme"), json!(["member", "owner"])), "literal", ""),
        person(literal(json!("globex"), json!("owner")), "", "literal"),
        person(literal(json!("acme"), json!("member")), "", "literal"),
        person(nested(json!("acme"), json!("owner")), "pointer", ""),
        person(nested(json!("acme"), json!(["member", "owner"])), "pointer", ""),
        person(nested(json!("globex"), json!("owner")), "", "pointer"),
        // A name is not a path, and a path is not a name.
        person(
            json!({"user": {"id": "olivia"}, "https:": {"": {"example.com": {"org_id": "acme"}}}, "app:roles": "owner"}),
            "",
            "",
        ),
        person(json!({"/u/id": "olivia", "/o/id": "acme", "/o/roles/a~1b": "owner"}), "", ""),
        person(
            json!({"u": {"id": "olivia"}, "/o/id": "globex", "o": {"id": "acme", "roles": {"a/b": "owner", "a~1b": "x"}}}),
            "pointer",
            "",
        ),
        person(json!({"u": {"id": "olivia"}, "o": [{"id": "acme", "roles": {"a/b": "owner"}}]}), "", ""),
        person(json!({"u": {"id": "olivia"}, "o": "acme"}), "", ""),
        person(json!({"u/id": "olivia", "o/id": "acme", "o/roles/a/b": "owner"}), "", ""),
        // The configured claims count, not those with the default names.
        row("both", "literal", USUAL_AND_SAME, move |_, claims| {
            claims["tenant"] = json!("globex");
            claims["user.id"] = json!("olivia");
            claims[org] = json!("acme");
            claims["app:roles"] = json!("owner");
        }),
        person(json!({"sub": "acme", "role": "owner"}), "same", ""),
        person(json!({"sub": "acme", "tenant": "globex", "role": ["owner"]}), "same", "roles"),
        person(json!({"sub": "acme", "tenant": "globex", "role": "owner"}), "same", USUAL),
        person(json!({"sub": ["acme"], "role": "owner"}), "", ""),
        person(json!({}), "", ""),
    ];
    let bad = [
        json!(["acme"]),
        json!(7),
        json!(null),
        json!({"id": "acme"}),
        json!(""),
        json!("ac me"),
        json!("ä"),
        json!("x".repeat(256)),
    ];
    for tenant in bad {
        rows.push(person(literal(tenant.clone(), json!("owner")), "", ""));
        rows.push(person(nested(tenant, json!("owner")), "", ""));
    }
    for role in [json!([]), json!(["owner", 7]), json!(null), json!({"owner": 1}), json!("")] {
        rows.push(person(literal(json!("acme"), role.clone()), "", ""));
        rows.push(person(nested(json!("acme"), role), "", ""));
    }
    rows
}
