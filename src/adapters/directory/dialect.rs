//! The differences between the two databases.

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL, 12 or later.
    Postgres,
}

impl Dialect {
    /// Returns the collation that compares bytes.
    pub(super) const fn binary_collation(self) -> &'static str {
        match self {
            Self::Sqlite => "BINARY",
            Self::Postgres => "\"C\"",
        }
    }

    /// Returns the expression by which a column is selected and compared byte for byte. A SQLite column can contain
    /// values of any type, so the column is used as it is, to distinguish numbers and blobs from text. A PostgreSQL
    /// column has one type, and the text form of a type other than text is not a valid customer id.
    pub(super) fn select_expression(self, column: &str) -> String {
        match self {
            Self::Sqlite => column.to_owned(),
            Self::Postgres => format!("CAST({column} AS text)"),
        }
    }
}
