//! The differences between the two databases.

use super::facts::Value;

/// The length at which a value is cut off, in characters. No valid id has so many, so a value that is cut off is refused
/// like any other that is too long, and a value of any size costs no memory.
const MAX_CHARACTERS: u32 = 256;

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL, 12 or later.
    Postgres,
}

impl Dialect {
    /// Returns what a parameter begins with. SQLite also accepts `$1`, but as a name, whose number depends on its place in the text.
    pub(super) const fn parameter(self) -> char {
        match self {
            Self::Sqlite => '?',
            Self::Postgres => '$',
        }
    }

    /// Returns the collation that compares bytes.
    pub(super) const fn binary_collation(self) -> &'static str {
        match self {
            Self::Sqlite => "BINARY",
            Self::Postgres => "pg_catalog.\"C\"",
        }
    }

    /// Returns the expression by which a column is compared byte for byte. A SQLite column can contain values of any
    /// type, so the column is used as it is, to distinguish numbers and blobs from text. A PostgreSQL column has one
    /// type, and the text form of a type other than text is not a valid customer id.
    pub(super) fn compared(self, column: &str) -> String {
        match self {
            Self::Sqlite => column.to_owned(),
            Self::Postgres => format!("CAST({column} AS text)"),
        }
    }

    /// Returns the expression by which a text is returned: cut off, and in PostgreSQL as bytes in the encoding of
    /// the database. PostgreSQL fails a query whose result contains one text that cannot be converted to UTF-8, which
    /// SQL_ASCII and encodings with unassigned bytes allow. In every encoding, a valid id is the same ASCII bytes.
    pub(super) fn returned(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "CASE typeof({column}) WHEN 'text' THEN substr({column}, 1, {MAX_CHARACTERS}) \
                 WHEN 'blob' THEN x'' ELSE {column} END"
            ),
            Self::Postgres => self.bytes(column),
        }
    }

    /// Returns a text that is cut off, in a form that is ordered byte by byte whatever its collation: in PostgreSQL its bytes.
    /// In SQLite it remains a text, because a file may store texts as UTF-16, and only texts are converted.
    pub(super) fn bytes(self, text: &str) -> String {
        match self {
            Self::Sqlite => format!("substr({text}, 1, {MAX_CHARACTERS}) COLLATE BINARY"),
            Self::Postgres => format!(
                "pg_catalog.convert_to(pg_catalog.left({text}, {MAX_CHARACTERS}), pg_catalog.getdatabaseencoding())"
            ),
        }
    }

    /// Returns the condition that a column has a text.
    pub(super) fn is_text(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("typeof({column}) = 'text'"),
            Self::Postgres => format!("{column} IS NOT NULL"),
        }
    }

    /// Returns the name of a view, in PostgreSQL within its schema, so that the search path does not decide what is read.
    pub(super) fn qualified(self, schema: &str, view: &str) -> String {
        match self {
            Self::Sqlite => view.to_owned(),
            Self::Postgres => format!("{}.{view}", quoted(schema)),
        }
    }

    /// Returns the fact that the answer comes from a primary, and the process that answers, as the first part of a union. A
    /// standby lags behind: it may still name an owner who has been removed.
    pub(super) const fn primary(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => {
                "SELECT 'primary' AS fact, CAST(pg_catalog.pg_backend_pid() AS text) AS tenant_id, NULL AS user_id, \
                 NULL AS stripe_customer_id WHERE NOT pg_catalog.pg_is_in_recovery()\nUNION ALL\n"
            }
        }
    }
}

/// Returns a value as a PostgreSQL constant. Only hexadecimal digits are inserted, so that no value can change the query,
/// whatever the settings of the server. A text is ASCII and has the default collation, which gives way to that of a column.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => {
            let escaped: String = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("CAST(E'{escaped}' AS {})", value.postgres_type())
        }
        Value::Bytes(Some(bytes)) => format!("pg_catalog.decode('{}', 'hex')", hex::encode(bytes)),
        Value::Bytes(None) => format!("CAST(NULL AS {})", value.postgres_type()),
    }
}

/// Returns a PostgreSQL identifier in quotation marks.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_the_types_that_a_prepared_statement_declares() {
        for (value, expected, declared) in [
            (Value::Text("a".to_owned()), "CAST(E'\\x61' AS pg_catalog.text)", "pg_catalog.text"),
            (Value::Bytes(None), "CAST(NULL AS pg_catalog.bytea)", "pg_catalog.bytea"),
        ] {
            assert_eq!((literal(&value).as_str(), value.postgres_type()), (expected, declared));
        }
    }
}
