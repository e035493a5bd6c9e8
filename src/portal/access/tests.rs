//! The predicate, as an exhaustive table of role, displayed tenant, flag, ownership and mapping.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::{Directory, DirectoryEntry, Flag, Visibility, decide, decide_for};
use crate::portal::{CustomerId, Integrity, Mapping, Owner, OwnerRoles, Principal, Reason, Refusal, TenantId, UserId};

/// A flag with a fixed value. Counts its evaluations.
struct FixedFlag(bool, AtomicU32);

#[async_trait]
impl Flag for FixedFlag {
    async fn is_on(&self, tenant: &TenantId) -> bool {
        assert_eq!(tenant.as_str(), "acme");
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0
    }

    async fn refresh(&self) {}
}

/// A directory with a fixed entry; `None` means that it does not respond. Counts its queries.
struct FixedDirectory(Option<DirectoryEntry>, AtomicU32);

#[async_trait]
impl Directory for FixedDirectory {
    async fn look_up(&self, tenant: &TenantId, user: &UserId) -> Result<DirectoryEntry, Refusal> {
        assert_eq!((tenant.as_str(), user.as_str()), ("acme", "olivia"));
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.clone().ok_or_else(|| Refusal::because(Reason::DatabaseUnavailable, "down"))
    }
}

fn mappings() -> Vec<(Mapping, Result<(), Reason>)> {
    let customer = CustomerId::parse("cus_A").unwrap();
    let mut mappings = vec![(Mapping::Customer(customer), Ok(())), (Mapping::None, Err(Reason::NoBillingAccount))];
    for failure in [Integrity::TwoRows, Integrity::SharedCustomer, Integrity::MalformedCustomer] {
        mappings.push((Mapping::Broken(failure), Err(Reason::MappingIntegrity)));
    }
    mappings
}

/// The expected outcome, written separately from the code that decides.
fn expected(role: &str, displayed: &str, flag: bool, entry: Option<(bool, Result<(), Reason>)>) -> Result<(), Reason> {
    match (displayed, role, flag, entry) {
        (other, ..) if !other.is_empty() && other != "acme" => Err(Reason::TenantMismatch),
        (_, role, ..) if role != "owner" => Err(Reason::NotOwner),
        (_, _, false, _) => Err(Reason::FeatureDisabled),
        (_, _, true, None) => Err(Reason::DatabaseUnavailable),
        (_, _, true, Some((false, _))) => Err(Reason::NotOwner),
        (_, _, true, Some((true, mapping))) => mapping,
    }
}

#[tokio::test]
async fn page_shows_what_server_allows_for_every_combination() {
    let mut entries = vec![None];
    for is_owner in [true, false] {
        entries.extend(mappings().into_iter().map(|(mapping, outcome)| Some((is_owner, mapping, outcome))));
    }
    let mut rows = 0;
    for role in ["owner", "admin", "billing", "member", "Owner", "OWNER", "owner ", "unknown"] {
        for displayed in ["", "acme", "globex", "ACME", "acme ", "no id\n"] {
            for flag in [true, false] {
                for entry in &entries {
                    check(role, displayed, flag, entry.as_ref()).await;
                    rows += 1;
                }
            }
        }
    }
    assert_eq!(rows, 8 * 6 * 2 * 11);
}

async fn check(role: &str, displayed: &str, on: bool, entry: Option<&(bool, Mapping, Result<(), Reason>)>) {
    let row = format!("{role:?} {displayed:?} {on} {entry:?}");
    let id = (UserId::parse("olivia").unwrap(), TenantId::parse("acme").unwrap());
    let principal = Principal::new(id.0, id.1, OwnerRoles::default().choose(&[role]).unwrap());
    let expected = expected(role, displayed, on, entry.map(|(is_owner, _, outcome)| (*is_owner, *outcome)));
    let flag = FixedFlag(on, AtomicU32::new(0));
    let entry = entry.map(|(is_owner, mapping, _)| DirectoryEntry { is_owner: *is_owner, mapping: mapping.clone() });
    let directory = FixedDirectory(entry, AtomicU32::new(0));

    // The page.
    let shown = async {
        principal.check_displayed_tenant(displayed)?;
        decide_for(&principal, &flag, &directory).await.into_visibility()
    };
    let shown = shown.await;
    match expected {
        Ok(()) => assert_eq!(shown.unwrap(), Visibility::Allowed, "{row}"),
        Err(Reason::NotOwner) => assert_eq!(shown.unwrap(), Visibility::NotOwner, "{row}"),
        Err(Reason::FeatureDisabled) => assert_eq!(shown.unwrap(), Visibility::FeatureDisabled, "{row}"),
        Err(Reason::NoBillingAccount) => assert_eq!(shown.unwrap(), Visibility::NoBillingAccount, "{row}"),
        Err(reason) => assert_eq!(shown.unwrap_err().reason(), reason, "{row}"),
    }
    let evaluations_and_queries = (flag.1.swap(0, Ordering::Relaxed), directory.1.swap(0, Ordering::Relaxed));
    let reached_flag = !matches!(expected, Err(Reason::TenantMismatch)) && role == "owner";
    assert_eq!(evaluations_and_queries, (u32::from(reached_flag), u32::from(reached_flag && on)), "{row}");

    // The server: the interceptor checks the role, then the message is checked, then the same predicate decides.
    let allowed = async {
        let owner = Owner::prove(principal.clone())?;
        owner.principal().check_displayed_tenant(displayed)?;
        decide(&owner, &flag, &directory).await.into_customer()
    };
    let allowed = allowed.await.map(drop).map_err(|refusal| refusal.reason());
    let expected_on_server = if role == "owner" { expected } else { Err(Reason::NotOwner) };
    assert_eq!(allowed, expected_on_server, "{row}");
    assert_eq!(allowed.is_ok(), expected.is_ok(), "{row}");
}
