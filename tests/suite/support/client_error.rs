//! A refusal as a client in any language sees it: the status with its details.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetail, StatusExt as _};

/// A refusal as a client receives it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientError {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) request_id: String,
    /// The field that breaks a rule, and the rule.
    pub(crate) violation: Option<(String, String)>,
    pub(crate) may_retry: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) text: String,
}

impl ClientError {
    /// Reads the details of a status.
    ///
    /// Panics unless the service's ErrorInfo is the first detail, because every refusal carries one with a request id.
    pub(crate) fn of(status: &Status) -> Self {
        Self::if_refused(status).unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"))
    }

    /// Does the same, unless the status is not the service's: that of a client or of a proxy has no details.
    pub(crate) fn if_refused(status: &Status) -> Option<Self> {
        let first = status.get_error_details_vec().into_iter().next()?;
        assert!(matches!(first, ErrorDetail::ErrorInfo(_)), "{status:?}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.domain, "billing.portal.v1");
        let violation = details.bad_request().map(|request| {
            let [violation] = &request.field_violations[..] else { panic!("not one violation: {status:?}") };
            (violation.field.clone(), violation.description.clone())
        });
        Some(Self {
            code: status.code(),
            reason: info.reason.clone(),
            request_id: info.metadata["request_id"].clone(),
            violation,
            may_retry: details.retry_info().is_some(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            text: status.message().to_owned(),
        })
    }
}

/// Returns what a client was answered: its own word for success, or the reason. A status without one is that of a proxy, or the
/// client's own.
pub(crate) fn answer(response: Result<&str, Status>) -> String {
    response.map(str::to_owned).unwrap_or_else(|status| match ClientError::if_refused(&status) {
        Some(refusal) => refusal.reason,
        None => format!("{:?}: {}", status.code(), status.message()),
    })
}
