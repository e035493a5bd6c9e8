//! The words of a case. Each names what differs from a valid call; tests/corpus/README.md explains them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One way to call the server, and what must happen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    /// The file and the name of the test that shows this case, if it cannot be driven here.
    #[serde(default)]
    pub(super) covered_by: Option<String>,
    #[serde(default)]
    pub(super) settings: Vec<String>,
    /// Whether the server must not be shared with other cases. Some changes imply it.
    #[serde(default)]
    own_server: bool,
    #[serde(default)]
    pub(super) start: Option<Start>,
    #[serde(default)]
    pub(super) token: Token,
    /// The values of the `authorization` header, in which `{token}` is the token.
    #[serde(default)]
    pub(super) authorization: Option<Vec<String>>,
    #[serde(default)]
    pub(super) metadata: Vec<(String, String)>,
    #[serde(default)]
    pub(super) replace: Vec<(String, String)>,
    #[serde(default)]
    pub(super) without: Vec<String>,
    #[serde(default)]
    pub(super) http2: bool,
    #[serde(default)]
    pub(super) request: Map<String, Value>,
    #[serde(default)]
    pub(super) message: Option<Vec<String>>,
    #[serde(default)]
    pub(super) body: Option<Vec<String>>,
    #[serde(default)]
    pub(super) directory: Directory,
    #[serde(default)]
    pub(super) flag: Option<FlagFile>,
    #[serde(default)]
    pub(super) stripe: Stripe,
    /// What changes while Stripe is answering.
    #[serde(default)]
    pub(super) during: Option<During>,
    /// Whether a valid call comes first.
    #[serde(default)]
    pub(super) after_valid_call: bool,
    pub(super) expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Token {
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// Members to leave out.
    pub(super) without: Vec<String>,
    /// Text after the first brace.
    pub(super) header_insert: String,
    pub(super) claims_insert: String,
    /// The whole text.
    pub(super) header_text: Option<String>,
    pub(super) claims_text: Option<String>,
    pub(super) sign: Option<String>,
    /// The token itself, in which `{header}`, `{claims}`, `{signature}` and `{token}` are those of the signed one.
    pub(super) raw: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Directory {
    /// All rows: tenant and customer.
    pub(super) tenants: Option<Vec<(Value, Value)>>,
    /// All rows: tenant and user.
    pub(super) owners: Option<Vec<(Value, Value)>>,
    /// Statements that are run on the database.
    pub(super) sql: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FlagFile {
    pub(super) text: Option<String>,
    /// A file with this text, to which a link is swapped.
    pub(super) link_to: Option<String>,
    pub(super) removed: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Stripe {
    /// Faults of the simulator.
    pub(super) faults: Vec<String>,
    pub(super) customer: Response,
    pub(super) session: Response,
}

/// How a response of Stripe differs from the correct one.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Response {
    pub(super) set: Map<String, Value>,
    pub(super) without: Vec<String>,
    /// Text after the first brace.
    pub(super) insert: String,
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    /// All bytes of the response, in which `{body}`, `{length}` and `{chunk}` are those of the correct one.
    pub(super) raw: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct During {
    #[serde(default)]
    pub(super) directory: Directory,
    #[serde(default)]
    pub(super) flag: Option<FlagFile>,
}

/// A start of the binary on valid settings, with some changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    #[serde(default)]
    pub(super) settings: Vec<String>,
    #[serde(default)]
    pub(super) without: Vec<String>,
    #[serde(default)]
    pub(super) variables: Vec<(String, String)>,
    #[serde(default)]
    pub(super) files: Vec<(String, String)>,
}

/// What must happen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) queries: Option<usize>,
    pub(super) stripe_requests: Option<usize>,
    /// The field that the refusal names, and the rule that it breaks, in the words of the contract.
    pub(super) field: Option<String>,
    pub(super) rule: Option<String>,
    /// The `detail` of the audit entry.
    pub(super) detail: Option<String>,
    /// Further members of the audit entry; null for one that is absent, and `…` for any text.
    #[serde(default)]
    pub(super) audit: Map<String, Value>,
    /// What GetPortalAccess returns: ALLOWED, another reason to hide the action, or a refusal.
    pub(super) access: Option<String>,
    /// The HTTP status of a request that is not a call.
    pub(super) http_status: Option<u16>,
    /// Whether the stream or the connection is reset instead.
    #[serde(default)]
    pub(super) reset: bool,
    /// What the start prints, after the name of the binary. `…` stands for any text.
    pub(super) message: Option<String>,
    /// Whether the settings are accepted.
    #[serde(default)]
    pub(super) starts: bool,
}

impl Case {
    /// Whether all bytes of a response of Stripe are replaced.
    pub(super) fn has_raw_response(&self) -> bool {
        self.stripe.customer.raw.is_some() || self.stripe.session.raw.is_some()
    }

    /// Whether only rows of the directory differ from the valid call, so that the outcome is the same with any database.
    pub(super) fn has_only_other_rows(&self) -> bool {
        let Directory { tenants, owners, sql } = &self.directory;
        (tenants.is_some() || owners.is_some())
            && sql.is_none()
            && self.settings.is_empty()
            && self.during.is_none()
            && !self.after_valid_call
            && (self.expect.stripe_requests == Some(0) || self.expect.reason.as_deref() == Some("OK"))
    }

    /// Whether the case leaves something behind: a changed schema or flag, or a used part of the limit of retries.
    pub(super) fn needs_own_server(&self) -> bool {
        self.own_server
            || self.has_raw_response()
            || self.flag.is_some()
            || self.during.is_some()
            || self.directory.sql.is_some()
            || self.expect.stripe_requests.is_some_and(|requests| requests > 2)
    }
}
