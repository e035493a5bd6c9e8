//! Changes of the directory and of the flag during the calls. A call begins them, before it is sent and when Stripe has created its
//! session, so that they happen while it is in flight.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::mpsc::{Receiver, SyncSender},
};

use rand::{RngExt as _, seq::IndexedRandom as _};
use rusqlite::{Connection, Transaction};
use serde_json::{Value, json};

use super::model::{Customer, Entry, Model, Pair, Person};
use crate::support::files::replace;

/// How often a call begins a change, each time.
const CHANGE: f64 = 0.15;
const FLIP: f64 = 0.03;

/// For how many tenants the flag is off.
const OFF: usize = 20;

/// The number of changes of each kind.
pub(super) type Counts = BTreeMap<&'static str, usize>;

/// Where a call announces the changes that it begins. One that cannot begin now is left out.
#[derive(Clone)]
pub(super) struct Changes {
    pub(super) directory: SyncSender<Person>,
    pub(super) flags: SyncSender<Person>,
}

impl Changes {
    pub(super) fn begin(&self, person: Person) {
        let mut random = rand::rng();
        for (changes, probability) in [(&self.directory, CHANGE), (&self.flags, FLIP)] {
            if random.random_bool(probability) {
                let _waits_or_left_out = changes.try_send(person);
            }
        }
    }
}

/// Changes the pair of each person's tenant, in one transaction.
pub(super) fn change_directory(mut database: Connection, model: &Model, people: &Receiver<Person>) -> Counts {
    let mut counts = Counts::new();
    for person in people {
        let timeline = &model.pairs[person.pair()];
        let (kind, pair) = next(timeline.latest(), person);
        timeline.begin(pair);
        let transaction = database.transaction().unwrap();
        write(&transaction, person.pair(), pair);
        transaction.commit().unwrap();
        timeline.end();
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// Returns what happens to a pair next. After a change that takes a right away, the pair gets its own customers and owners back.
fn next(mut pair: Pair, person: Person) -> (&'static str, Pair) {
    let mut random = rand::rng();
    let tenant = person.tenant();
    let (side, first) = (tenant % 2, tenant / 2 * 2);
    let own = |tenant: usize, choice: usize| Entry { customer: Some(Customer(tenant * 2 + choice)), owners: [true; 2] };
    let is_own = |(entry, tenant)| (0..2).any(|choice| entry == own(tenant, choice));
    if !pair.into_iter().zip(first..).all(is_own) {
        return ("restored", [own(first, random.random_range(0..2)), own(first + 1, random.random_range(0..2))]);
    }
    let kinds = ["mapped to another customer of its own", "swapped", "shared", "mapped to none", "owner removed"];
    let kind = *kinds.choose(&mut random).unwrap();
    match kind {
        "mapped to another customer of its own" => {
            pair[side].customer = pair[side].customer.map(|Customer(number)| Customer(number ^ 1))
        }
        "swapped" => (pair[0].customer, pair[1].customer) = (pair[1].customer, pair[0].customer),
        "shared" => pair[side].customer = pair[1 - side].customer,
        "mapped to none" => pair[side].customer = None,
        _ => pair[side].owners[person.0 % 2] = false,
    }
    (kind, pair)
}

/// Writes the rows of a pair.
pub(super) fn write(transaction: &Transaction<'_>, pair: usize, entries: Pair) {
    let execute = |sql: &str, values: [Option<String>; 2]| {
        transaction.prepare_cached(sql).unwrap().execute(values).unwrap();
    };
    for (tenant, entry) in (pair * 2..).zip(entries) {
        let id = || Some(format!("t{tenant}"));
        let update = "UPDATE billing_portal_tenants SET stripe_customer_id = ? WHERE tenant_id = ?";
        execute(update, [entry.customer.map(Customer::id), id()]);
        for (person, is_owner) in (tenant * 2..).zip(entry.owners) {
            let user = || Some(format!("u{person}"));
            execute("DELETE FROM billing_portal_owners WHERE tenant_id = ? AND user_id = ?", [id(), user()]);
            if is_owner {
                execute("INSERT INTO billing_portal_owners VALUES (?, ?)", [id(), user()]);
            }
        }
    }
}

/// Switches the flag off for the tenant of each person, and on again for the tenant that it was switched off for first.
pub(super) fn flip_flags(file: &Path, model: &Model, people: &Receiver<Person>) -> Counts {
    let (mut off, mut counts) = (VecDeque::new(), Counts::new());
    for person in people {
        let tenant = person.tenant();
        if off.contains(&tenant) {
            continue;
        }
        off.push_back(tenant);
        model.flags[tenant].begin(false);
        let on = if off.len() > OFF { off.pop_front() } else { None };
        on.inspect(|on| model.flags[*on].begin(true));
        replace(file, &flag(&off).to_string());
        model.flags[tenant].end();
        *counts.entry("flag off").or_default() += 1;
        if let Some(on) = on {
            model.flags[on].end();
            *counts.entry("flag on").or_default() += 1;
        }
    }
    counts
}

/// A flag that is on, except for some tenants.
fn flag(off: &VecDeque<usize>) -> Value {
    let off: Vec<_> = off.iter().map(|tenant| format!("t{tenant}")).collect();
    let targeting = json!({"if": [{"in": [{"var": "targetingKey"}, off]}, "off"]});
    let variants = json!({"on": true, "off": false});
    let flag = json!({"state": "ENABLED", "variants": variants, "defaultVariant": "on", "targeting": targeting});
    json!({"flags": {"billing-portal": flag}})
}
