use super::*;
use crate::adapters::directory::Dialect::{Postgres, Sqlite};

#[test]
fn accepts_one_select_statement_and_drops_its_semicolon() {
    for (text, accepted) in [
        ("SELECT 1", "SELECT 1"),
        ("\u{feff}\n select a, b FROM t ;\n-- the end;", "select a, b FROM t"),
        (
            "/* why */ WITH x AS (SELECT ';' AS y) SELECT y FROM x",
            "/* why */ WITH x AS (SELECT ';' AS y) SELECT y FROM x",
        ),
        ("SELECT 'it''s; ( $1 ?' AS \"a\"\"; )\" -- ( ; ' $1", "SELECT 'it''s; ( $1 ?' AS \"a\"\"; )\" -- ( ; ' $1"),
        ("SELECT a -- last line;", "SELECT a -- last line;"),
        ("SELECT a ||-- it's\n b", "SELECT a ||-- it's\n b"),
    ] {
        for dialect in [Postgres, Sqlite] {
            assert_eq!(Select::parse(text, dialect).as_ref().map(Select::as_str), Ok(accepted), "{dialect:?}");
        }
    }
    for text in [
        "SELECT E'\\'; (' AS a, $$;($1'$$ AS b, $t$ $$ ; $t$, c::text, d ? 'x', e @> '{}', f[1:2], foo$1 FROM t",
        "SELECT 1 /* one /* two ; */ ( */",
        "SELECT 'a\\'",
    ] {
        assert_eq!(Select::parse(text, Postgres).as_ref().map(Select::as_str), Ok(text));
    }
    for text in ["SELECT [a;(], `b;'` FROM t", "SELECT 1 /* one /* two ; */", "SELECT 'a\\', \"e'\""] {
        assert_eq!(Select::parse(text, Sqlite).as_ref().map(Select::as_str), Ok(text));
    }
}

#[test]
fn rejects_text_that_is_not_one_select_statement() {
    for (text, error) in [
        ("", SelectError::NoStatement),
        (" \n-- only a comment", SelectError::NoStatement),
        (";", SelectError::NoStatement),
        ("DELETE FROM t", SelectError::NotSelect),
        ("INSERT INTO t SELECT 1", SelectError::NotSelect),
        ("VALUES (1, 2)", SelectError::NotSelect),
        ("EXPLAIN SELECT 1", SelectError::NotSelect),
        ("selecting", SelectError::NotSelect),
        ("(SELECT 1)", SelectError::NotSelect),
        ("tenants", SelectError::NotSelect),
        ("SELECT 1; SELECT 2", SelectError::SeveralStatements),
        ("SELECT 1;;", SelectError::SeveralStatements),
        ("; SELECT 1", SelectError::SeveralStatements),
        ("SELECT 1; -- x\nDROP TABLE t", SelectError::SeveralStatements),
        ("SELECT x'\\'; SELECT 1 --'", SelectError::SeveralStatements),
        ("SELECT 1) UNION (SELECT 2", SelectError::ParenthesisNotOpen),
        ("SELECT (1", SelectError::UnclosedParenthesis),
        ("SELECT (1;)", SelectError::SemicolonInParentheses),
        ("SELECT 'a", SelectError::UnclosedQuotation),
        ("SELECT \"a", SelectError::UnclosedQuotation),
        ("SELECT 1 /* a", SelectError::UnclosedComment),
        ("SELECT 1 WHERE a = $1", SelectError::Parameter),
        ("SELECT 1\0", SelectError::Nul),
    ] {
        for dialect in [Postgres, Sqlite] {
            assert_eq!(Select::parse(text, dialect), Err(error), "{text:?}, {dialect:?}");
        }
    }
    for text in ["SELECT ?", "SELECT ?1", "SELECT :a", "SELECT @a", "SELECT $a"] {
        assert_eq!(Select::parse(text, Sqlite), Err(SelectError::Parameter), "{text}");
    }
    for text in ["SELECT $$ a", "SELECT $t$ a $$", "SELECT E'\\'", "SELECT 1 /* /* */", "SELECT $ 1"] {
        assert!(Select::parse(text, Postgres).is_err(), "{text}");
    }
    // In PostgreSQL, a carriage return ends a comment.
    assert!(Select::parse("SELECT 1 -- a\r; DROP TABLE t", Postgres).is_err());
}
