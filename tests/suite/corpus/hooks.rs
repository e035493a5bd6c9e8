//! What a case changes at Stripe, in the directory and in the flag file.

use std::sync::Arc;

use serde_json::Value;
use stripe_simulator::{Answer, Injection, RecordedRequest, Tamper};

use super::case::{Directory, FlagFile, Response, Stripe};
use crate::support::{World, files::replace, world::FLAG_ON};

/// Changes the responses of Stripe.
pub(super) fn change_stripe(world: &World, stripe: &Stripe) {
    for fault in &stripe.faults {
        world.stripe.inject(fault.parse::<Injection>().unwrap());
    }
    if stripe.customer != Response::default() || stripe.session != Response::default() {
        world.stripe.tamper(Some(tamper(stripe.customer.clone(), stripe.session.clone())));
    }
}

pub(super) fn restore_stripe(world: &World) {
    world.stripe.clear_faults();
    world.stripe.tamper(None);
}

fn tamper(customer: Response, session: Response) -> Tamper {
    let changes = Arc::new((customer, session));
    Arc::new(move |request: RecordedRequest, answer| {
        let change = if request.path.starts_with("/v1/customers") { &changes.0 } else { &changes.1 };
        let answer = changed(answer, change);
        Box::pin(async move { answer })
    })
}

fn changed(mut answer: Answer, change: &Response) -> Answer {
    let mut json = answer.json();
    if let Some(members) = json.as_object_mut().filter(|_| !change.set.is_empty() || !change.without.is_empty()) {
        members.extend(change.set.clone());
        members.retain(|name, _| !change.without.contains(name));
        answer = answer.with_json(&json);
    }
    if !change.insert.is_empty() {
        let text = String::from_utf8(answer.body).unwrap();
        answer.body = text.replacen('{', &format!("{{{},", change.insert), 1).into_bytes();
    }
    if let Some(body) = &change.body {
        answer.body = super::text::bytes(body);
    }
    answer.status = change.status.unwrap_or(answer.status);
    for (name, value) in &change.headers {
        answer.headers.push((name.clone(), value.clone()));
    }
    answer
}

/// Changes the directory.
pub(super) fn change_directory(world: &World, directory: &Directory) {
    let statements = statements(directory);
    if !statements.is_empty() {
        let statements = format!("PRAGMA synchronous = OFF; {statements}");
        world.sql(&statements);
    }
}

/// Returns the statements that change a directory.
pub(super) fn statements(directory: &Directory) -> String {
    let rows = |rows: &[(Value, Value)]| {
        let row = |(one, other): &(Value, Value)| format!("({}, {})", literal(one), literal(other));
        rows.iter().map(row).collect::<Vec<_>>().join(", ")
    };
    let mut statements = String::new();
    for (columns, new) in [
        ("billing_portal_tenants (tenant_id, stripe_customer_id)", &directory.tenants),
        ("billing_portal_owners (tenant_id, user_id)", &directory.owners),
    ] {
        let Some(new) = new else { continue };
        let (relation, _) = columns.split_once(' ').unwrap();
        statements += &format!("DELETE FROM {relation};");
        if !new.is_empty() {
            statements += &format!("INSERT INTO {columns} VALUES {};", rows(new));
        }
    }
    statements + directory.sql.as_deref().unwrap_or_default()
}

/// Returns a value in SQL.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Changes the flag file. The next call that reaches Stripe reads it.
pub(super) fn change_flag(world: &World, flag: &FlagFile) {
    let path = world.path("flags.json");
    if let Some(text) = &flag.text {
        replace(&path, &text.replace("{on}", FLAG_ON));
    }
    if let Some(text) = &flag.link_to {
        std::fs::write(world.path("flags-2.json"), text).unwrap();
        std::os::unix::fs::symlink(world.path("flags-2.json"), world.path("flags.link")).unwrap();
        std::fs::rename(world.path("flags.link"), &path).unwrap();
    }
    if flag.removed {
        std::fs::remove_file(path).unwrap();
    }
}
