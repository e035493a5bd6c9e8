//! The flag with a targeting rule, and the decision with a flag and a directory that respond immediately.

use std::{hint::black_box, sync::Arc};

use async_trait::async_trait;
use billing_portal::{
    adapters::flag::{self, FileFlag},
    portal::{
        CallerConnection, CustomerId, Directory, DirectoryEntry, Flag, Mapping, Refusal, TenantId, UseCases, UserId,
        Visibility,
    },
    reload::file::ReloadingFile,
};

use super::{Call, answers, open, run, token};

const KEY: &str = "billing-portal";
const DEFINITION: &str = r#"{"flags": {"billing-portal": {
    "state": "ENABLED",
    "variants": {"on": true, "off": false},
    "defaultVariant": "off",
    "targeting": {"if": [{"in": [{"var": "targetingKey"}, ["globex-1", "initech-2", "acme-4711"]]}, "on", "off"]}
}}}"#;

pub(super) fn prepare_flag() -> Call {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flags.json");
    std::fs::write(&path, DEFINITION).expect("a file");
    let flag = open(async {
        let file = ReloadingFile::open_document("--flags-file", path, |bytes| flag::parse(bytes, KEY)).await;
        FileFlag::new(Arc::new(file), KEY.to_owned()).await
    });
    let tenant = token::principal().tenant().clone();
    Box::new(move || assert!(run(flag.is_on(black_box(&tenant))), "the flag is off"))
}

pub(super) fn prepare() -> Call {
    let principal = token::principal();
    let use_cases =
        UseCases { flag: Arc::new(On), directory: Arc::new(OneTenant), portal_sessions: Arc::new(answers::NoStripe) };
    let caller = CallerConnection::default();
    Box::new(move || {
        let visibility = run(use_cases.visibility(black_box(&principal), "acme-4711", &caller));
        assert_eq!(visibility.expect("a decision"), Visibility::Allowed);
    })
}

struct On;

#[async_trait]
impl Flag for On {
    async fn is_on(&self, _: &TenantId) -> bool {
        true
    }

    async fn refresh(&self) {}
}

struct OneTenant;

#[async_trait]
impl Directory for OneTenant {
    async fn look_up(&self, _: &TenantId, _: &UserId) -> Result<DirectoryEntry, Refusal> {
        let customer = CustomerId::parse("cus_NffrFeUfNV2Hib").expect("a customer");
        Ok(DirectoryEntry { is_owner: true, mapping: Mapping::Customer(customer) })
    }
}
