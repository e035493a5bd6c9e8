//! The cases in which only the rows of the directory differ, for tests with another database.

use super::{CLASSES, class, hooks};

/// Rows of both relations, and the outcome for olivia in acme.
pub(crate) struct RowsCase {
    pub(crate) name: String,
    /// Statements that replace the rows.
    pub(crate) statements: String,
    pub(crate) reason: String,
    /// The detail of MAPPING_INTEGRITY.
    pub(crate) detail: Option<String>,
}

/// Returns every such case.
pub(crate) fn other_rows() -> Vec<RowsCase> {
    let classes = CLASSES.iter().map(|name| class::read(name));
    let cases = classes.flat_map(|class| class.cases.iter().flat_map(|row| class.variants(row)).collect::<Vec<_>>());
    let cases = cases.filter(|case| case.covered_by.is_none() && case.start.is_none() && case.has_only_other_rows());
    let rows = |case: super::case::Case| RowsCase {
        statements: hooks::statements(&case.directory),
        reason: case.expect.reason.unwrap(),
        detail: case.expect.detail,
        name: case.name,
    };
    cases.map(rows).collect()
}
